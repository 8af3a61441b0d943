import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ConclaveError, errorCodes, fromNative } from '../lib/errors.ts'
// @ts-expect-error: scripts are plain JavaScript
import { checkCodes } from '../scripts/codes.mjs'

const root = join(import.meta.dirname, '..')

/** What the lint says of the table, the page and one more source file. */
function problems(file: string, text: string, page: (text: string) => string = t => t): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-codes-'))
  try {
    for (const name of ['lib', 'docs', 'native']) mkdirSync(join(folder, name))
    const copy = (name: string) => readFileSync(join(root, name), 'utf8')
    writeFileSync(join(folder, 'lib/errors.ts'), copy('lib/errors.ts'))
    writeFileSync(join(folder, 'docs/errors.md'), page(copy('docs/errors.md')))
    writeFileSync(join(folder, file), text)
    return checkCodes(folder, [file])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it('the lint finds codes that no table has, and rows that say something else', () => {
  expect(problems('lib/a.ts', "throw new ConclaveError('io_error', 'x')")).toEqual([])
  expect(problems('lib/a.ts', "throw new ConclaveError(\n  'lost', 'x')")).toHaveLength(1)
  expect(problems('native/a.cc', 'throw Error("io_error", "x");')).toEqual([])
  expect(problems('native/a.cc', 'throw Error("lost", "x");')).toHaveLength(1)
  expect(problems('native/a.cc', 'return {"no_such", "x"};')).toHaveLength(1)
  expect(problems('native/a.cc', 'throw Error(code, "x");')).toHaveLength(1)
  const without = (text: string) => text.replace(/^\| `timeout`.*\n/m, '')
  expect(problems('lib/a.ts', '', without)).toEqual(['docs/errors.md has no row for timeout'])
  const other = (text: string) => text.replace('| `timeout` | yes', '| `timeout` | no')
  expect(problems('lib/a.ts', '', other)).toHaveLength(1)
  const more = (text: string) => `${text}\n| \`lost\` | no | a | b | c |\n`
  expect(problems('lib/a.ts', '', more)).toHaveLength(1)
})

it('an error says whether the same call may succeed later', () => {
  for (const [code, { retryable }] of Object.entries(errorCodes)) {
    const error = new ConclaveError(code as keyof typeof errorCodes, 'A sentence.')
    expect([error.code, error.retryable, error.name]).toEqual([code, retryable, 'ConclaveError'])
    expect(error).toBeInstanceOf(Error)
  }
})

it('a native error keeps its code and sentence; an unknown code becomes engine_failed', () => {
  const native = Object.assign(new Error('A sentence.'), { code: 'file_changed' })
  expect(fromNative(native)).toMatchObject({ code: 'file_changed', message: 'A sentence.' })
  expect(fromNative(native).cause).toBe(native)
  for (const code of ['toString', '__proto__', 'ERR_OUT_OF_RANGE', undefined])
    expect(fromNative(Object.assign(new Error('x'), { code }))).toMatchObject({
      code: 'engine_failed',
      retryable: false,
    })
})

// The hash of weights is what the tools of any system say of the same files.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hashWeights } from '../../lib/files/weights-hash.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-hash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const files = ['c', 'a', 'b'].map(name => file(name, name.repeat(300_000)))
const shell = (line: string) => execFileSync('sh', ['-c', line], { cwd: folder }).toString()

test('of one file it is its SHA-256', async () => {
  expect(await hashWeights([files[0]!])).toBe(shell('sha256sum c').slice(0, 64))
})

test('of several it is that of their sorted lines, in whichever order they come', async () => {
  const said = shell('sha256sum a b c | cut -c-64 | LC_ALL=C sort | sha256sum').slice(0, 64)
  expect(await hashWeights(files)).toBe(said)
  expect(await hashWeights(files.toReversed())).toBe(said)
})

test('what is not there, changes or is not wanted any more has no hash', async () => {
  const code = (work: Promise<string>) => work.then(undefined, error => error.code)
  expect(await code(hashWeights([join(folder, 'none')]))).toBe('io_error')
  expect(await code(hashWeights(files, AbortSignal.abort()))).toBe('aborted')
  const long = file('long', 'x'.repeat(30_000_000))
  let over = false
  const work = code(hashWeights([long])).finally(() => {
    over = true
  })
  for (let second = 1; !over; second++) await utimes(long, second, second)
  expect(await work).toBe('io_error')
})

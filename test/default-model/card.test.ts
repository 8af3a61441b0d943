import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const card = readFileSync(join(root, 'default-model/README.md'), 'utf8')

/** Right answers and questions of a row of the card's table. */
function row(name: string): { right: number; asked: number } {
  const [, right, asked] = new RegExp(`\\| ${name}[^|]*\\| (\\d+) / (\\d+) \\|`).exec(card) ?? []
  return { right: Number(right), asked: Number(asked) }
}

// The goals themselves are held by training/evaluate.mjs; this holds the library and the weights to what the card says.
describe('the default model answers as its card says', () => {
  it.for([
    ['hand-written', '60 hand-written requests', 60],
    ['sums', 'Sums of numbers', 200],
    ['redact', 'Redact personal data', 200],
  ] as const)('%s', ([task, name, asked], { skip }) => {
    if (!existsSync(join(root, 'dist/index.mjs'))) skip('dist/ is not built')
    const program = [join(root, 'training/evaluate.mjs'), '--task', task, '--json']
    const run = spawnSync(process.execPath, program, { encoding: 'utf8', timeout: 55_000 })
    const measured = JSON.parse(run.stdout).accuracy[task]
    expect(row(name).asked).toBe(asked)
    expect(measured.asked).toBe(asked)
    // The rounding of another kernel set may turn an answer or two.
    expect(measured.right).toBeGreaterThanOrEqual(row(name).right - 2)
  })
})

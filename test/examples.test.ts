import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const examples = readdirSync(join(root, 'examples')).filter(f => /\.[cm]js$/.test(f))
const missing = ['dist/index.mjs', 'default-model/model.safetensors'].find(
  f => !existsSync(join(root, f)),
)

describe('examples', () => {
  it.for(examples)('%s runs, prints and ends by itself', (name, { skip }) => {
    if (missing) skip(`${missing} is not there`)
    const run = spawnSync(process.execPath, [join(root, 'examples', name)], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
    expect(run.stdout.trim()).not.toBe('')
    expect(
      readFileSync(join(root, 'examples', name), 'utf8').split('\n').length,
    ).toBeLessThanOrEqual(31)
  })
})

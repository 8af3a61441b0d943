/** What `conclave quantize` writes, opened by transformers. Needs Python packages: see test/golden/check_int8.py. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { quantizeModel } from '../../lib/quantize/quantize.ts'
import { root } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { goldenFolder } from '../models/golden.ts'

const python = process.env.CONCLAVE_PYTHON ?? 'python3'
const cli = join(root, 'dist/cli.mjs')
const imports = 'import torch, transformers, compressed_tensors'
const ready = existsSync(cli) && spawnSync(python, ['-c', imports]).status === 0

const why = 'skipped where $CONCLAVE_PYTHON has no torch, transformers and compressed_tensors'
describe.skipIf(!ready)(`an int8 checkpoint answers alike in transformers (${why})`, () => {
  it.each([
    ['dense-f32', undefined],
    ['dense-f32', 32],
    ['dense-bias-tied-copy', undefined],
    ['llama-smol', undefined],
    ['moe-f32', undefined],
    ['moe-fused', undefined],
  ])(
    '%s, groups of %s',
    async (name, group) => {
      const out = join(makeFolder(), name)
      await quantizeModel(join(goldenFolder, name), out, { ...(group && { group }) })
      const script = join(goldenFolder, 'check_int8.py')
      const { status, stdout } = spawnSync(python, [script, out, cli], { encoding: 'utf8' })
      expect(status, stdout).toBe(0)
      expect(stdout).toMatch(name.startsWith('moe') ? /, widened, / : /, opened, /)
    },
    300_000,
  )
})

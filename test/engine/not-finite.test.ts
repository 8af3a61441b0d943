import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/index.ts'
import { addon, needs, root } from './needs.ts'

const folder = mkdtempSync(join(tmpdir(), 'conclave-not-finite-'))

/** A copy of the tiny model with one value of a f32 tensor replaced. */
function withValue(tensor: string, value: number): string {
  const copy = join(folder, `${tensor}-${value}`)
  cpSync(join(root, 'test/golden/moe-f32'), copy, { recursive: true })
  const path = join(copy, 'model.safetensors')
  const bytes = readFileSync(path)
  const headerBytes = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes))
  bytes.writeFloatLE(value, 8 + headerBytes + header[tensor].data_offsets[0])
  writeFileSync(path, bytes)
  return copy
}

describe('weights that are not finite', () => {
  needs(addon)
  afterAll(() => rmSync(folder, { recursive: true }))

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    '%s ends requests, not the model',
    async value => {
      await using model = await loadModel(withValue('lm_head.weight', value))
      const ask = { maxTokens: 4, ignoreEos: true }
      for (const options of [{ temperature: 0 }, { temperature: 1, topK: 3 }, { logprobs: 2 }])
        await expect(
          model.generate([1, 2, 3], { ...ask, ...options }).result(),
        ).rejects.toMatchObject({ code: 'numerical_error' })
      expect((await model.logits([1, 2, 3])).some(x => !Number.isFinite(x))).toBe(true)
    },
  )

  it('are named where the load is told to look', async () => {
    const load = loadModel(withValue('model.norm.weight', Number.NaN), { validate: true })
    await expect(load).rejects.toThrowError(/model\.norm\.weight/)
  })
})

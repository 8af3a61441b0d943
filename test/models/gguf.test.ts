import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadModel } from '../../lib/index.ts'
import { makeFolder } from '../files/folder.ts'
import {
  checkpointToGguf,
  checkpointToMergedGguf,
  checkpointToParts,
} from './checkpoint-to-gguf.ts'
import { goldenFolder } from './golden.ts'

const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 300)

async function logitsOf(path: string, weights: 'auto' | 'f32' | 'int8') {
  const model = await loadModel(path, { weights, threads: 2 })
  try {
    return { logits: await model.logits(ids), info: model.info }
  } finally {
    await model.dispose()
  }
}

const cases = [
  ['moe-f32', 'qwen3_moe with stacked experts'],
  ['moe-mlp-only-layers', 'some layers without experts'],
  ['dense-f32', 'qwen3'],
  ['dense-bias-tied-copy', 'biases and a tied head'],
  ['llama-biases-mha', 'llama with rows and biases of Q and K interleaved'],
  ['llama-smol', 'llama with grouped heads'],
] as const

it.each(cases)('%s: the same bits from GGUF (%s)', async name => {
  const folder = join(goldenFolder, name)
  const gguf = join(makeFolder({ 'model.gguf': await checkpointToGguf(folder) }), 'model.gguf')
  for (const weights of ['auto', 'f32', 'int8'] as const) {
    const [a, b] = [await logitsOf(folder, weights), await logitsOf(gguf, weights)]
    expect(b.logits).toEqual(a.logits)
    const { architecture, maxContext, weightBytes, kvCache } = a.info
    expect(b.info).toMatchObject({ architecture, maxContext, weightBytes, kvCache })
    expect(b.info.weights).toBe(a.info.weights)
  }
})

it('experts whose gate and up are one tensor', async () => {
  for (const name of ['moe-f32', 'moe-mlp-only-layers']) {
    const folder = join(goldenFolder, name)
    const bytes = await checkpointToMergedGguf(folder)
    expect(bytes.includes('ffn_gate_up_exps')).toBe(true)
    const gguf = join(makeFolder({ 'model.gguf': bytes }), 'model.gguf')
    for (const weights of ['auto', 'int8'] as const)
      expect((await logitsOf(gguf, weights)).logits).toEqual(
        (await logitsOf(folder, weights)).logits,
      )
  }
})

it('a model split over three files', async () => {
  const folder = join(goldenFolder, 'moe-f32')
  const parts = makeFolder(await checkpointToParts(folder, 3))
  const split = await logitsOf(join(parts, 'model-00001-of-00003.gguf'), 'auto')
  expect(split.logits).toEqual((await logitsOf(folder, 'auto')).logits)
})

it('llama3 scaling comes from the divisors of the frequencies', async () => {
  const folder = join(goldenFolder, 'llama3-old-keys')
  const gguf = join(makeFolder({ 'model.gguf': await checkpointToGguf(folder) }), 'model.gguf')
  const [a, b] = [await logitsOf(folder, 'f32'), await logitsOf(gguf, 'f32')]
  // A divisor is rounded to f32: the last bit of a frequency may differ.
  const largest = Math.max(...a.logits.map(Math.abs))
  const error = Math.max(...a.logits.map((x, i) => Math.abs(x - b.logits[i]!)))
  expect(error / largest).toBeLessThan(1e-4)
})

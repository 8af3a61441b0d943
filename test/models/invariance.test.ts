import { describe, expect, it } from 'vitest'
import { type LoadOptions, loadModel, type Model } from '../../lib/index.ts'
import { argmaxRows, goldenCase } from './golden.ts'

// Widths that are no multiple of a vector, in a sparse and in a dense model.
const cases = ['moe-top-10-of-20', 'dense-linear-type'].map(goldenCase)
const variations: LoadOptions[] = [
  { maxBatchTokens: 1 },
  { maxBatchTokens: 7 },
  { maxBatchTokens: 64 },
  { pageSize: 16 },
  { pageSize: 32, maxBatchTokens: 7 },
  { pageSize: 128 },
  { threads: 1 },
  { threads: 2 },
  { threads: 2, maxBatchTokens: 13, pageSize: 16 },
]
const formats: LoadOptions[] = [
  { weights: 'f32' },
  { weights: 'bf16' },
  { weights: 'f32', kvCache: 'int8' },
  { weights: 'int8' },
]
const greedy = { maxTokens: 40, temperature: 0, ignoreEos: true, repetitionPenalty: 1 }

async function withModel<T>(
  folder: string,
  options: LoadOptions,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await loadModel(folder, { device: 'cpu', ...options })
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

const ids = (length: number, vocabSize: number) =>
  Array.from({ length }, (_, i) => (i * i * 31 + i * 17 + 5) % vocabSize)

async function answers(model: Model, prompt: number[]) {
  const logits = await model.logits(prompt)
  const { tokenIds } = await model.generate(prompt, greedy).result()
  const bytes = Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength)
  return { bytes: Buffer.from(bytes), tokenIds: Array.from(tokenIds) }
}

describe.each(cases)('$name', ({ folder, vocabSize }) => {
  const prompt = ids(211, vocabSize)

  describe.each(formats)('with %o', format => {
    let first: ReturnType<typeof answers> | undefined
    const reference = () => {
      first ??= withModel(folder, format, model => answers(model, prompt))
      return first
    }

    it.each(variations)('bit-equal with %o', async options => {
      const expected = await reference()
      const actual = await withModel(folder, { ...format, ...options }, m => answers(m, prompt))
      expect(actual.bytes.length).toBe(prompt.length * vocabSize * 4)
      expect(actual.bytes.equals(expected.bytes)).toBe(true)
      expect(actual.tokenIds).toEqual(expected.tokenIds)
    })

    it('a prefix has the logits that it has in a longer prompt', async () => {
      const expected = await reference()
      const { bytes } = await withModel(folder, format, m => answers(m, prompt.slice(0, 65)))
      expect(bytes.equals(expected.bytes.subarray(0, bytes.length))).toBe(true)
    })

    it('decode picks what a prefill of the whole text ranks first', async () => {
      await withModel(folder, format, async model => {
        const { tokenIds } = await model.generate(prompt, greedy).result()
        const logits = await model.logits([...prompt, ...tokenIds])
        const ranked = argmaxRows(logits, vocabSize).slice(prompt.length - 1, -1)
        expect(ranked).toEqual(Array.from(tokenIds))
      })
    })

    it('requests together get the tokens that each gets alone', async () => {
      await withModel(folder, format, async model => {
        const prompts = [1, 6, 33, 100].map(length => ids(length, vocabSize))
        const run = async (p: number[]) =>
          Array.from((await model.generate(p, greedy).result()).tokenIds)
        const alone: number[][] = []
        for (const p of prompts) alone.push(await run(p))
        expect(await Promise.all(prompts.map(run))).toEqual(alone)
      })
    })
  })
})

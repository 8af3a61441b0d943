import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel, type Model } from '../../lib/index.ts'
import { goldenCase, goldenNames, worstRowError } from './golden.ts'

const greedy = { maxTokens: 64, temperature: 0, ignoreEos: true, repetitionPenalty: 1 }

it('covers the variations', () => {
  expect(goldenNames.length).toBeGreaterThanOrEqual(29)
})

describe.each(goldenNames)('%s in f32', name => {
  const golden = goldenCase(name)
  const prompts = golden.prompts.map(prompt => ({ ...prompt, length: prompt.ids.length }))
  let model: Model
  beforeAll(async () => {
    model = await loadModel(golden.folder, { device: 'cpu', weights: 'f32', kvCache: 'f32' })
  })
  afterAll(() => model?.dispose())

  it.each(prompts)('logits after $length tokens', async ({ ids, last, all }) => {
    const logits = await model.logits(ids)
    expect(logits.length).toBe(ids.length * golden.vocabSize)
    const expected = all ?? last
    const rows = logits.subarray(logits.length - expected.length)
    expect(worstRowError(rows, expected, golden.vocabSize)).toBeLessThanOrEqual(2e-4)
  })

  it.each(prompts)('64 greedy tokens after $length', async ({ ids, greedy: expected, margin }) => {
    expect(margin).toBeGreaterThan(1e-3)
    const { tokenIds } = await model.generate(ids, greedy).result()
    expect(Array.from(tokenIds)).toEqual(expected)
  })

  if (golden.routes === null) return
  const { ids, layers } = golden.routes
  it('chooses the same experts', async () => {
    const chosen = await model.routes(ids)
    const sorted = chosen.map(({ layer, expertIds }) => [
      String(layer),
      expertIds.map(token => token.toSorted((a, b) => a - b)),
    ])
    expect(Object.fromEntries(sorted)).toEqual(layers)
  })
})

const bf16Cases = goldenNames.map(goldenCase).filter(({ dtype }) => /bf16|mixed/.test(dtype))

describe.each(bf16Cases)('$name as stored', golden => {
  let model: Model
  beforeAll(async () => {
    model = await loadModel(golden.folder, { device: 'cpu', weights: 'auto' })
  })
  afterAll(() => model?.dispose())

  it('keeps the dtype of the files', () => {
    expect(model.info.weights).toBe('bf16')
    expect(model.info.kvCache).toBe('bf16')
  })

  it.each(golden.prompts.map(prompt => ({ ...prompt, length: prompt.ids.length })))(
    'logits after $length tokens',
    async ({ ids, last }) => {
      const logits = await model.logits(ids)
      const row = logits.subarray(logits.length - golden.vocabSize)
      expect(worstRowError(row, last, golden.vocabSize)).toBeLessThanOrEqual(0.02)
    },
  )
})

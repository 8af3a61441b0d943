import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluate } from '../../lib/eval/evaluate.ts'
import { Scores } from '../../lib/eval/score.ts'
import { loadModel, type Model } from '../../lib/index.ts'
import { thrown } from '../files/folder.ts'
import { goldenFolder } from '../models/golden.ts'

const ids = Array.from({ length: 101 }, (_, i) => (i * 37 + 11) % 300)

/** log of the softmax, in the plainest way. */
function logShares(row: ArrayLike<number>): number[] {
  const values = Array.from(row)
  const most = Math.max(...values)
  const sum = values.reduce((a, x) => a + Math.exp(x - most), 0)
  return values.map(x => x - most - Math.log(sum))
}

describe('scores', () => {
  it('of rows with known shares', () => {
    const scores = new Scores(2)
    const rows = (...shares: number[]) =>
      Float32Array.from([...shares, 0.5].flatMap(p => [Math.log(p), Math.log(1 - p)]))
    // The shares of id 0: tested ¼ and ½, reference ½ and ⅔; the last row is not scored.
    scores.add([0, 0, 1], rows(0.25, 0.4), rows(0.5, 2 / 3))
    expect(scores.tokens).toBe(2)
    expect(scores.perplexity).toBeCloseTo((0.25 * 0.6) ** -0.5, 5)
    expect(scores.referencePerplexity).toBeCloseTo((0.5 / 3) ** -0.5, 5)
    const first = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75)
    const second = (2 / 3) * Math.log(2 / 3 / 0.4) + (1 / 3) * Math.log(1 / 3 / 0.6)
    expect(scores.klMean).toBeCloseTo((first + second) / 2, 5)
    expect(scores.top1Agreement).toBe(0)
    expect(scores.maxLogitError).toBeCloseTo(Math.log(2), 5)
  })

  it('refuses what is not finite', async () => {
    const row = new Float32Array([Number.NaN, 1, 0, 0])
    expect((await thrown(() => new Scores(2).add([0, 1], row, null))).code).toBe('numerical_error')
    const most = new Float32Array([Number.POSITIVE_INFINITY, 1, 0, 0])
    expect((await thrown(() => new Scores(2).add([0, 1], most, null))).code).toBe('numerical_error')
  })
})

describe('a model', () => {
  const folder = join(goldenFolder, 'moe-f32')
  let model: Model
  let int8: Model
  beforeAll(async () => {
    model = await loadModel(folder, { threads: 1 })
    int8 = await loadModel(folder, { threads: 1, weights: 'int8' })
  })
  afterAll(async () => {
    await model?.dispose()
    await int8?.dispose()
  })

  it('is scored in windows that do not overlap, without a last one of one id', async () => {
    const seen: number[] = []
    const { perplexity, tokens, ...rest } = await evaluate(model, ids, {
      context: 25,
      reference: null,
      onProgress: ({ doneTokens }) => seen.push(doneTokens),
    })
    expect(tokens).toBe(4 * 24)
    expect(rest).toEqual({})
    expect(seen).toEqual([25, 50, 75, 100])
    let sum = 0
    for (let start = 0; start < 100; start += 25) {
      const window = ids.slice(start, start + 25)
      const logits = await model.logits(window)
      const width = model.info.vocabSize
      for (let i = 0; i < 24; i++)
        sum -= logShares(logits.subarray(i * width, (i + 1) * width))[window[i + 1]!]!
    }
    expect(perplexity).toBeCloseTo(Math.exp(sum / tokens), 4)
  })

  it('is at no distance from itself, and at a small one from its int8', async () => {
    const same = await evaluate(model, ids, { context: 64, reference: model })
    expect(same).toMatchObject({ klMean: 0, top1Agreement: 1, maxLogitError: 0 })
    expect(same.referencePerplexity).toBe(same.perplexity)
    const rounded = await evaluate(int8, ids, { context: 64, reference: model })
    expect(rounded.klMean).toBeGreaterThan(0)
    expect(rounded.klMean).toBeLessThan(0.02)
    expect(rounded.top1Agreement).toBeGreaterThan(0.8)
    expect(rounded.maxLogitError).toBeGreaterThan(0)
    expect(rounded.referencePerplexity).toBe(same.perplexity)
  })

  it('needs at least two ids', async () => {
    const options = { context: 64, reference: null }
    expect((await thrown(() => evaluate(model, [1], options))).code).toBe('invalid_request')
    const one = { context: 1, reference: null }
    expect((await thrown(() => evaluate(model, ids, one))).code).toBe('invalid_request')
  })

  it('stops at its signal', async () => {
    const options = { context: 64, reference: null, signal: AbortSignal.abort() }
    expect((await thrown(() => evaluate(model, ids, options))).code).toBe('aborted')
  })
})

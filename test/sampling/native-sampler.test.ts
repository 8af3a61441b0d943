import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GenerateOptions, Model } from '../../lib/index.ts'
import { loadModel } from '../../lib/index.ts'
import { addon, firstMissing, needs, root } from '../engine/needs.ts'
import {
  chiSquare,
  editLogits,
  probabilities,
  type ReferenceOptions,
  softmax,
} from './reference-sampler.ts'

const prompt = [3, 1, 4, 1, 5, 9, 2, 6]

describe('native sampler', () => {
  needs(addon)
  let model: Model
  let logits: number[]

  beforeAll(async () => {
    if (firstMissing([addon])) return
    model = await loadModel(join(root, 'test/golden/moe-f32'), { weights: 'f32' })
    logits = await lastLogits(prompt)
  })
  afterAll(() => model?.dispose())

  async function lastLogits(ids: number[]): Promise<number[]> {
    return Array.from((await model.logits(ids)).slice(-model.info.vocabSize))
  }

  const settings: ReferenceOptions[] = [
    {},
    { temperature: 0.3 },
    { temperature: 2, topK: 7 },
    { topK: 1 },
    { topP: 0.6 },
    { topP: 0 },
    { temperature: 0.5, minP: 0.2 },
    { temperature: 1.5, topK: 40, topP: 0.7, minP: 0.1 },
    { temperature: 0.8, logitBias: { 0: 5, 17: 6, 3: -100 }, topK: 30 },
    { temperature: 0.9, repetitionPenalty: 1.8, topP: 0.9 },
  ]

  it.each(settings)('draws as defined: %j', async options => {
    const draws = 2048
    const answers = await Promise.all(
      Array.from({ length: draws }, (_, seed) =>
        model
          .generate(prompt, { temperature: 1, ...options, seed, maxTokens: 1, ignoreEos: true })
          .result(),
      ),
    )
    const counts: number[] = Array(model.info.vocabSize).fill(0)
    for (const { tokenIds } of answers) counts[tokenIds[0]!]!++
    const expected = probabilities(editLogits(logits, prompt, [], options), options)
    for (const [id, count] of counts.entries()) if (expected[id] === 0) expect(count).toBe(0)
    const { value, degrees } = chiSquare(counts, expected)
    // Four standard deviations above the mean of the distribution.
    expect(value).toBeLessThan(degrees + 4 * Math.sqrt(2 * degrees) + 4)
  })

  it.each([
    {},
    { presencePenalty: 1.5 },
    { frequencyPenalty: 0.7 },
    { repetitionPenalty: 1.3, presencePenalty: -0.5, frequencyPenalty: 0.2 },
    { logitBias: { 5: 3, 8: -100 } },
  ])('applies penalties to greedy answers: %j', async options => {
    const ask = { ...options, temperature: 0, maxTokens: 16, ignoreEos: true }
    const { tokenIds } = await model.generate(prompt, ask).result()
    const line = [...prompt]
    for (const id of tokenIds) {
      const edited = editLogits(await lastLogits(line), prompt, line.slice(prompt.length), options)
      const sorted = edited.toSorted((a, b) => b - a)
      if (sorted[0]! - sorted[1]! > 1e-4) expect(id).toBe(edited.indexOf(sorted[0]!))
      line.push(id)
    }
  })

  it('reports log-probabilities before temperature, best first', async () => {
    const ask: GenerateOptions = { temperature: 0.5, seed: 4, maxTokens: 3, logprobs: 5 }
    const { tokenIds, logprobs } = await model
      .generate(prompt, { ...ask, ignoreEos: true })
      .result()
    const line = [...prompt]
    for (const [i, { tokenId, logprob, top }] of logprobs!.entries()) {
      const expected = softmax(await lastLogits(line)).map(Math.log)
      const order = expected.map((_, id) => id).sort((a, b) => expected[b]! - expected[a]!)
      expect(tokenId).toBe(tokenIds[i])
      expect(logprob).toBeCloseTo(expected[tokenId]!, 4)
      expect(top.map(t => t.tokenId)).toEqual(order.slice(0, 5))
      for (const t of top) expect(t.logprob).toBeCloseTo(expected[t.tokenId]!, 4)
      line.push(tokenId)
    }
  })

  it('gives each request its own number of alternatives', async () => {
    const ask = { temperature: 0, maxTokens: 2, ignoreEos: true }
    const [none, zero, three] = await Promise.all(
      [{}, { logprobs: 0 }, { logprobs: 3 }].map(o =>
        model.generate(prompt, { ...ask, ...o }).result(),
      ),
    )
    expect(none!.logprobs).toBeUndefined()
    expect(zero!.logprobs!.map(l => l.top.length)).toEqual([0, 0])
    expect(three!.logprobs!.map(l => l.top.length)).toEqual([3, 3])
    expect(three!.logprobs![0]!.logprob).toBe(zero!.logprobs![0]!.logprob)
  })

  it('bans end ids until minTokens are out', async () => {
    const ask = { temperature: 0, maxTokens: 10, ignoreEos: true }
    const [first] = (await model.generate(prompt, ask).result()).tokenIds
    const stop = { ...ask, stopTokenIds: [first!] }
    expect((await model.generate(prompt, stop).result()).tokenIds).toEqual([first])
    const later = await model.generate(prompt, { ...stop, minTokens: 4 }).result()
    expect(later.tokenIds.slice(0, 4)).not.toContain(first)
    expect(later.tokenIds.length).toBeGreaterThan(4)
  })

  it('the n-th token of a seed does not depend on who runs beside it', async () => {
    const ask = { temperature: 1.2, topP: 0.95, seed: 99, maxTokens: 24, ignoreEos: true }
    const alone = await model.generate(prompt, ask).result()
    const neighbours = Array.from({ length: 20 }, (_, i) =>
      model.generate([i, i + 1], { temperature: 1, seed: i, maxTokens: 5 + i }).result(),
    )
    const [together] = await Promise.all([model.generate(prompt, ask).result(), ...neighbours])
    expect(together.tokenIds).toEqual(alone.tokenIds)
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/engine/load.ts'
import type { Model } from '../../lib/engine/model.ts'
import { fakeModel } from './fake-model.ts'
import { addon, needs } from './needs.ts'

describe('score and embed', () => {
  needs(addon, 'default-model/model.safetensors')
  let model: Model

  beforeAll(async () => {
    model = await loadModel(undefined, { threads: 1, maxBatchTokens: 8 })
  })
  afterAll(() => model.dispose())

  it('scores each token as its row of logits says, with the best beside it', async () => {
    const ids = model.tokenizer!.encode('Once upon a time there was a little fox.')
    const logits = await model.logits(ids)
    const scores = await model.engine.score(ids, { top: 3 })
    expect(scores).toHaveLength(ids.length)
    expect(scores[0]).toBeNull()
    const { vocabSize } = model.info
    for (let i = 1; i < ids.length; i++) {
      const row = logits.subarray((i - 1) * vocabSize, i * vocabSize)
      const max = Math.max(...row)
      const norm = max + Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0))
      expect(scores[i]!.tokenId).toBe(ids[i])
      expect(scores[i]!.logprob).toBeCloseTo(row[ids[i]!]! - norm, 10)
      const best = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, 3)
      expect(scores[i]!.top.map(t => t.tokenId)).toEqual(best)
    }
  })

  it('embeds alone and beside a request that samples alike, whatever the chunks', async () => {
    const ids = model.tokenizer!.encode('The cat sat on the mat and looked at the moon.')
    const engine = model.engine
    const alone = await engine.embed(ids)
    const [busy, answer] = await Promise.all([
      engine.embed(ids),
      engine.generate('Once upon a time', { maxTokens: 12, temperature: 0 }).text(),
    ])
    expect(busy).toEqual(alone)
    expect(answer).toBe(
      await engine.generate('Once upon a time', { maxTokens: 12, temperature: 0 }).text(),
    )
    expect(Math.hypot(...alone)).toBeCloseTo(1, 5)
    const last = await engine.embed(ids, { pooling: 'last' })
    expect(last).not.toEqual(alone)
  })

  it('finds texts nearer that say the same', async () => {
    const engine = model.engine
    const vector = (text: string) => engine.embed(model.tokenizer!.encode(text))
    const [a, b, c] = await Promise.all(
      ['Sort these words: pear, apple', 'Sort these words: apple, fig', 'What is 7 + 8?'].map(
        vector,
      ),
    )
    const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * y[i]!, 0)
    expect(dot(a!, b!)).toBeGreaterThan(dot(a!, c!))
  })
})

describe('prompt requests over a fake model', () => {
  it('pools by mean or last over chunks', async () => {
    const { model } = fakeModel({ maxBatchTokens: 4 })
    const engine = model.engine
    const ids = [5, 6, 7, 8, 9, 10]
    const last = await engine.embed(ids, { pooling: 'last' })
    expect(last[1]! / last[0]!).toBeCloseTo(10 / 5, 5)
    const mean = await engine.embed(ids)
    expect(mean[1]! / mean[0]!).toBeCloseTo(45 / 15, 5)
  })

  it('ends at an abort, and refuses bad ids and options', async () => {
    const { model } = fakeModel()
    const engine = model.engine
    const stop = new AbortController()
    const scores = engine.score([1, 2, 3], { signal: stop.signal })
    stop.abort()
    await expect(scores).rejects.toMatchObject({ code: 'aborted' })
    await expect(engine.embed([1, 97])).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(engine.score([1], { top: 21 })).rejects.toMatchObject({ code: 'invalid_request' })
    const options = { pooling: 'max' as 'mean' }
    await expect(engine.embed([1], options)).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

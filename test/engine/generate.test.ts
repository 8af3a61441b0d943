import { describe, expect, it } from 'vitest'
import { expectedTokens, fakeModel } from './fake-model.ts'

const prompt = [5, 9, 2, 40, 7, 7, 1]

describe('generate', () => {
  it('gives the tokens of the whole line, whatever the chunk and page size', async () => {
    for (const maxBatchTokens of [1, 2, 3, 7, 64])
      for (const pageSize of [1, 3, 16]) {
        const { model } = fakeModel({ maxBatchTokens, pageSize })
        const result = await model.generate(prompt, { maxTokens: 12 }).result()
        expect(result.tokenIds).toEqual(expectedTokens(prompt, 12))
        expect(result.finishReason).toBe('length')
        expect(result.usage).toEqual({ promptTokens: 7, completionTokens: 12, cachedTokens: 0 })
      }
  })

  it('streams the same ids that result() holds, and both may be used', async () => {
    const { model, executor } = fakeModel()
    const answer = model.generate(prompt, { maxTokens: 5 })
    const ids: number[] = []
    for await (const chunk of answer) ids.push(...chunk.tokenIds)
    const steps = executor.steps.length
    expect((await answer.result()).tokenIds).toEqual(ids)
    expect(ids).toEqual(expectedTokens(prompt, 5))
    expect(executor.steps.length).toBe(steps)
  })

  it('keeps the chunks for who iterates after result()', async () => {
    const { model } = fakeModel()
    const answer = model.generate(prompt, { maxTokens: 5 })
    await answer.result()
    const ids: number[] = []
    for await (const chunk of answer) ids.push(...chunk.tokenIds)
    expect(ids).toEqual(expectedTokens(prompt, 5))
    await expect(answer[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  it('is also a web stream, which stops the work when it is cancelled', async () => {
    const { model, engine } = fakeModel()
    const ids: number[] = []
    const answer = model.generate(prompt, { maxTokens: 5 })
    for await (const chunk of answer.toReadableStream()) ids.push(...chunk.tokenIds)
    expect(ids).toEqual(expectedTokens(prompt, 5))
    const long = model.generate(prompt, { maxTokens: 50 })
    const reader = long.toReadableStream().getReader()
    await reader.read()
    await reader.cancel()
    expect((await long.result()).finishReason).toBe('aborted')
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(engine.stats().pages.used).toBe(0)
  })

  it('starts nothing until it is read', async () => {
    const { model, executor } = fakeModel()
    model.generate(prompt)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(executor.steps).toEqual([])
  })

  it('ends at an end id, which is among the ids, unless told to ignore it', async () => {
    const expected = expectedTokens(prompt, 10)
    const eos = expected[3]!
    const { model } = fakeModel({ eosTokenIds: [eos] })
    const result = await model.generate(prompt, { maxTokens: 10 }).result()
    expect(result.tokenIds).toEqual(expected.slice(0, expected.indexOf(eos) + 1))
    expect(result.finishReason).toBe('stop')
    const ignored = await model.generate(prompt, { maxTokens: 10, ignoreEos: true }).result()
    expect(ignored.tokenIds).toEqual(expected)
    const other = await model
      .generate(prompt, { maxTokens: 10, ignoreEos: true, stopTokenIds: [expected[0]!] })
      .result()
    expect(other.tokenIds).toEqual(expected.slice(0, 1))
  })

  it('shares steps among requests of one tick, with the answers of each alone', async () => {
    const { model, executor, engine } = fakeModel({ maxBatchTokens: 32 })
    const prompts = Array.from({ length: 6 }, (_, i) => [i, 3, i * 7])
    const results = await Promise.all(
      prompts.map(p => model.generate(p, { maxTokens: 8 }).result()),
    )
    expect(results.map(r => r.tokenIds)).toEqual(prompts.map(p => expectedTokens(p, 8)))
    expect(executor.steps.length).toBe(8)
    expect(executor.steps[1]).toEqual({ numTokens: 6, numSequences: 6 })
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(executor.samplers.size).toBe(0)
  })

  it('reports the seed it chose, and takes the one it is given', async () => {
    const { model, executor } = fakeModel()
    const first = await model.generate(prompt, { maxTokens: 1 }).result()
    const second = await model.generate(prompt, { maxTokens: 1 }).result()
    expect(first.seed).not.toBe(second.seed)
    const seeds: bigint[] = []
    const openSampler = executor.openSampler.bind(executor)
    executor.openSampler = (params, ...rest) => {
      seeds.push(params.seed)
      return openSampler(params, ...rest)
    }
    const seed = 2n ** 64n - 1n
    expect((await model.generate(prompt, { maxTokens: 1, seed }).result()).seed).toBe(seed)
    expect(seeds).toEqual([seed])
  })
})

describe('abort', () => {
  it('by signal resolves with the text so far, within one step', async () => {
    const { model, executor, engine } = fakeModel()
    const controller = new AbortController()
    const answer = model.generate(prompt, { maxTokens: 50, signal: controller.signal })
    const ids: number[] = []
    for await (const chunk of answer) {
      ids.push(...chunk.tokenIds)
      if (ids.length === 3) controller.abort()
    }
    const steps = executor.steps.length
    const result = await answer.result()
    expect(result.finishReason).toBe('aborted')
    expect(result.tokenIds.slice(0, 3)).toEqual(ids.slice(0, 3))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(executor.steps.length).toBeLessThanOrEqual(steps + 1)
    expect(engine.stats().pages.used).toBe(0)
  })

  it('before the start runs no step', async () => {
    const { model, executor } = fakeModel()
    const result = await model.generate(prompt, { signal: AbortSignal.abort() }).result()
    expect(result).toMatchObject({ finishReason: 'aborted', tokenIds: [], text: '' })
    expect(executor.steps).toEqual([])
  })

  it('by break stops the work', async () => {
    const { model, engine } = fakeModel()
    const answer = model.generate(prompt, { maxTokens: 50 })
    for await (const _ of answer) break
    expect((await answer.result()).finishReason).toBe('aborted')
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
  })

  it('by stop() stops the work that nobody reads, and does nothing once it is over', async () => {
    const { model, engine } = fakeModel()
    const answer = model.generate(prompt, { maxTokens: 50 })
    await answer.started()
    answer.stop()
    expect((await answer.result()).finishReason).toBe('aborted')
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    const whole = model.generate(prompt, { maxTokens: 2 })
    const { tokenIds } = await whole.result()
    whole.stop()
    expect((await whole.result()).tokenIds).toEqual(tokenIds)
  })

  it('of one request leaves its neighbours as they are', async () => {
    const { model, engine } = fakeModel({ numPages: 12 })
    const results = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const signal = i % 3 === 0 ? AbortSignal.timeout(i % 7) : undefined
        const result = await model
          .generate([i, 1], signal ? { maxTokens: 9, signal } : { maxTokens: 9 })
          .result()
        return { i, result }
      }),
    )
    for (const { i, result } of results)
      if (result.finishReason === 'length')
        expect(result.tokenIds).toEqual(expectedTokens([i, 1], 9))
      else expect(i % 3).toBe(0)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(engine.stats().pages.used).toBe(0)
  })
})

describe('dispose', () => {
  it('ends what runs as aborted, is idempotent, and refuses later calls', async () => {
    const beforeStep = () => new Promise<void>(resolve => setTimeout(resolve, 5))
    const { model, executor } = fakeModel({ beforeStep, maxBatchTokens: 2 })
    const answer = model.generate(prompt, { maxTokens: 50 }).result()
    const logits = model.logits(prompt)
    await new Promise(resolve => setTimeout(resolve, 12))
    await Promise.all([
      model.dispose(),
      model.dispose(),
      expect(answer).resolves.toMatchObject({ finishReason: 'aborted' }),
      expect(logits).rejects.toMatchObject({ code: 'disposed' }),
    ])
    await model[Symbol.asyncDispose]()
    expect(executor.disposed).toBe(1)
    expect(executor.samplers.size).toBe(0)
    await expect(model.generate(prompt).result()).rejects.toMatchObject({ code: 'disposed' })
    await expect(model.logits(prompt)).rejects.toMatchObject({ code: 'disposed' })
  })
})

describe('logits', () => {
  it('come for every token, in chunks, beside running requests', async () => {
    const { model } = fakeModel({ maxBatchTokens: 3, maxLogitRows: 2, vocabSize: 97 })
    const [logits, result] = await Promise.all([
      model.logits(prompt),
      model.generate(prompt, { maxTokens: 4 }).result(),
    ])
    expect(logits.length).toBe(prompt.length * 97)
    const best = prompt.map((_, i) => logits.subarray(i * 97, (i + 1) * 97).indexOf(1))
    expect(best).toEqual(prompt.map((_, i) => expectedTokens(prompt.slice(0, i + 1), 1)[0]))
    expect(result.tokenIds).toEqual(expectedTokens(prompt, 4))
  })
})

describe('routes', () => {
  it('come layer by layer for every token, in chunks, beside running requests', async () => {
    const { model } = fakeModel({ maxBatchTokens: 3 })
    const [routes, result] = await Promise.all([
      model.routes(prompt),
      model.generate(prompt, { maxTokens: 4 }).result(),
    ])
    expect(routes).toEqual([
      { layer: 1, expertIds: prompt.map((_, i) => [0, i]) },
      { layer: 3, expertIds: prompt.map((_, i) => [1, i]) },
    ])
    expect(result.tokenIds).toEqual(expectedTokens(prompt, 4))
  })
})

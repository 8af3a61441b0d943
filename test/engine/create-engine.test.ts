import { describe, expect, it } from 'vitest'
import { createEngine, type EngineOptions } from '../../lib/engine/create-engine.ts'
import { expectedTokens, fakeModel } from './fake-model.ts'

const prompt = [5, 9, 2, 40, 7, 7, 1, 8, 30]
const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

describe('createEngine', () => {
  it('runs requests on pages of its own, beside the model and other engines', async () => {
    const { model, executor } = fakeModel()
    const engines = await Promise.all([
      createEngine(model, { kvPages: 9 }),
      createEngine(model, { kvBytes: 20_900, maxBatchTokens: 100, maxSequences: 3 }),
    ])
    expect(engines.map(e => e.stats().pages.total)).toEqual([9, 20])
    const runs = [model, ...engines].map(e => e.generate(prompt, { maxTokens: 12 }).result())
    for (const { tokenIds } of await Promise.all(runs))
      expect(tokenIds).toEqual(expectedTokens(prompt, 12))
    expect(engines[0]!.stats()).toMatchObject({
      running: 0,
      waiting: 0,
      promptTokens: 9,
      generatedTokens: 12,
      experts: [
        { layer: 1, tokens: [4, 1, 1], imbalance: 2 },
        { layer: 3, tokens: [0, 0, 0], imbalance: 0 },
      ],
    })
    await engines[0]!.dispose()
    await engines[0]!.dispose()
    expect([...executor.caches.keys()]).toEqual([0, 2])
    expect(engines[0]!.stats().experts).toEqual([])
    const late = engines[0]!.generate(prompt).result()
    await expect(late).rejects.toMatchObject({ code: 'disposed' })
    expect((await model.generate(prompt, { maxTokens: 3 }).result()).tokenIds).toHaveLength(3)
    const running = engines[1]!.generate(prompt)
    for await (const _ of running) {
      await model.dispose()
      break
    }
    expect((await running.result()).finishReason).toBe('aborted')
    expect([...executor.caches.keys()]).toEqual([0])
    await expect(createEngine(model)).rejects.toMatchObject({ code: 'disposed' })
  })

  const refused: [string, unknown, string][] = [
    ['an unknown option', { maxBatch: 3 }, 'invalid_request'],
    ['no sequence', { maxSequences: 0 }, 'invalid_request'],
    ['half a page', { kvPages: 1.5 }, 'invalid_request'],
    ['pages and bytes', { kvPages: 4, kvBytes: 8000 }, 'invalid_request'],
    ['less than a page', { kvBytes: 999 }, 'invalid_request'],
    ['a text where a flag is due', { prefixCache: 'no' }, 'invalid_request'],
    ['more pages than memory holds', { kvPages: 2 ** 30 }, 'insufficient_memory'],
  ]
  it.each(refused)('refuses %s', async (_, options, code) => {
    const { model } = fakeModel()
    await expect(createEngine(model, options as EngineOptions)).rejects.toMatchObject({ code })
  })

  it('refuses what is no model', async () => {
    const made = createEngine({} as never)
    await expect(made).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('keeps requests within its pages', async () => {
    const { model } = fakeModel({ maxContext: 64 })
    await using engine = await createEngine(model, { kvPages: 3 })
    expect((await engine.generate(prompt).result()).usage.completionTokens).toBe(3)
    const long = engine.generate(prompt, { maxTokens: 4 }).result()
    await expect(long).rejects.toMatchObject({ code: 'context_length_exceeded' })
  })
})

describe('a request on an engine', () => {
  const cases: [string, object][] = [
    ['no answers', { n: 0 }],
    ['a broken priority', { priority: 0.5 }],
    ['a salt that is no text', { cacheSalt: 7 }],
    ['a long salt', { cacheSalt: 'x'.repeat(1025) }],
    ['no time', { timeoutMs: 0 }],
    ['an unknown option', { prio: 1 }],
  ]
  it.each(cases)('is refused with %s', async (_, options) => {
    const { model } = fakeModel()
    await using engine = await createEngine(model)
    for (const ask of [
      engine.generate(prompt, options),
      model.generate(prompt, { n: 2 } as object),
    ])
      await expect(ask.result()).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it.each([true, false])('may have several answers (prefix cache: %s)', async prefixCache => {
    const { model, executor } = fakeModel()
    await using engine = await createEngine(model, { prefixCache })
    const seeds: bigint[] = []
    const openSampler = executor.openSampler.bind(executor)
    executor.openSampler = (params, ...rest) => {
      seeds.push(params.seed)
      return openSampler(params, ...rest)
    }
    const answer = engine.generate(prompt, { n: 3, seed: 2n ** 64n - 1n, maxTokens: 5 })
    const byIndex = new Map<number, number[]>()
    for await (const { index, tokenIds } of answer)
      byIndex.set(index!, [...(byIndex.get(index!) ?? []), ...tokenIds])
    const { answers, usage, tokenIds, seed } = await answer.result()
    const expected = expectedTokens(prompt, 5)
    expect([...byIndex.values()]).toEqual([expected, expected, expected])
    expect(answers!.map(a => a.tokenIds)).toEqual([expected, expected, expected])
    expect(answers!.map(a => a.usage.cachedTokens)).toEqual([0, 8, 8])
    expect([tokenIds, seed]).toEqual([expected, 2n ** 64n - 1n])
    expect(usage).toEqual({ promptTokens: 9, completionTokens: 15, cachedTokens: 0 })
    expect(seeds).toEqual([2n ** 64n - 1n, 0n, 1n])
    expect(engine.stats().pages.used).toBe(0)
  })

  it.each([0, 1, 3])('ends all of its answers at break, after %d chunks', async read => {
    const { model, executor } = fakeModel()
    await using engine = await createEngine(model)
    const signal = read === 0 ? AbortSignal.abort() : undefined
    const options = { n: 3, maxTokens: 40, ...(signal ? { signal } : {}) }
    const answer = engine.generate(prompt, options)
    let chunks = 0
    for await (const _ of answer) if (++chunks === read) break
    const { answers } = await answer.result()
    expect(answers!.map(a => a.finishReason)).toEqual(['aborted', 'aborted', 'aborted'])
    await pause(10)
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(executor.samplers.size).toBe(0)
  })

  it('gives sixteen answers under one signal, without a warning of Node', async () => {
    const { model } = fakeModel()
    await using engine = await createEngine(model)
    const warnings: string[] = []
    const onWarning = ({ name }: Error) => warnings.push(name)
    process.on('warning', onWarning)
    const { signal } = new AbortController()
    const { answers } = await engine.generate(prompt, { n: 16, maxTokens: 5, signal }).result()
    expect(answers!.map(a => a.finishReason)).toEqual(Array(16).fill('length'))
    const stop = new AbortController()
    const ended = engine.generate(prompt, { n: 16, maxTokens: 40, signal: stop.signal })
    for await (const _ of ended) stop.abort()
    const reasons = (await ended.result()).answers!.map(a => a.finishReason)
    expect(new Set(reasons)).toEqual(new Set(['aborted']))
    await pause(10)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  it('fails with its answers where one fails', async () => {
    let rows = 0
    const { model, executor } = fakeModel({ next: () => (++rows > 7 ? -1 : 3) })
    await using engine = await createEngine(model)
    const answer = engine.generate(prompt, { n: 3, maxTokens: 40 }).result()
    await expect(answer).rejects.toMatchObject({ code: 'numerical_error' })
    await pause(10)
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(executor.samplers.size).toBe(0)
  })

  it('fails with `timeout` when its time is over; the neighbours go on', async () => {
    const { model } = fakeModel({ beforeStep: () => pause(2) })
    await using engine = await createEngine(model)
    const late = engine.generate(prompt, { maxTokens: 50, timeoutMs: 20 }).result()
    const good = engine.generate(prompt, { maxTokens: 20, timeoutMs: 60_000 }).result()
    await expect(late).rejects.toMatchObject({ code: 'timeout', retryable: true })
    expect((await good).tokenIds).toEqual(expectedTokens(prompt, 20))
    expect(engine.stats().pages.used).toBe(0)
  })

  it('goes before others by priority, but not for ever', async () => {
    const { model } = fakeModel()
    await using engine = await createEngine(model, { maxSequences: 1 })
    const order: string[] = []
    const ask = async (name: string, priority: number) => {
      await engine.generate([1, 2], { maxTokens: 1, priority }).result()
      order.push(name)
    }
    const low = [ask('first', 0), ask('low', -5)]
    await Promise.all([...low, ...Array.from({ length: 100 }, () => ask('high', 5))])
    expect(order[0]).not.toBe('low')
    expect(order.indexOf('low')).toBeGreaterThan(50)
    expect(order.indexOf('low')).toBeLessThan(70)
  })

  it('is computed again with the same tokens where pages run out', async () => {
    const { model } = fakeModel()
    await using engine = await createEngine(model, { kvPages: 10, prefixCache: false })
    const prompts = Array.from({ length: 6 }, (_, i) => [i, 3, i * 7])
    const runs = prompts.map(p => engine.generate(p, { maxTokens: 30 }).result())
    const results = await Promise.all(runs)
    expect(results.map(r => r.tokenIds)).toEqual(prompts.map(p => expectedTokens(p, 30)))
    expect(engine.stats().preemptions).toBeGreaterThan(0)
    expect(results.map(r => r.usage.cachedTokens)).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('is gone when it is aborted in the tick that made it, ten thousand times', async () => {
    const { model, executor } = fakeModel()
    await using engine = await createEngine(model)
    const good = engine.generate(prompt, { maxTokens: 30 }).result()
    const aborted = Array.from({ length: 10_000 }, (_, i) => {
      const controller = new AbortController()
      const options = { maxTokens: 30, priority: i % 3, signal: controller.signal }
      const result = engine.generate([i % 97, 1], options).result()
      if (i % 2 === 0) controller.abort()
      else setImmediate(() => controller.abort())
      return result
    })
    const reasons = new Set((await Promise.all(aborted)).map(r => r.finishReason))
    expect([...reasons]).toEqual(['aborted'])
    expect((await good).tokenIds).toEqual(expectedTokens(prompt, 30))
    await pause(10)
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(executor.samplers.size).toBe(0)
  })
})

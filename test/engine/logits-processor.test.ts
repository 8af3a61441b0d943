import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import type { Model } from '../../lib/engine/model.ts'
import { fakeModel } from './fake-model.ts'
import { fingerprint } from './mixes.ts'
import { addon, firstMissing, needs, root } from './needs.ts'

const prompts = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 3 + 11 * i }, (_, t) => (i * 31 + t * 7) % 300),
)
const drawn = { temperature: 0.9, topP: 0.9, seed: 7, presencePenalty: 0.5 }
const options = { maxTokens: 12, ignoreEos: true, logprobs: 2 }

describe('a logits processor', () => {
  needs(addon)
  let model: Model
  let alone: string[]

  beforeAll(async () => {
    if (firstMissing([addon])) return
    model = await loadModel(join(root, 'test/golden/moe-f32'), { pageSize: 16, prefixCache: false })
    alone = []
    for (const [i, prompt] of prompts.entries())
      alone.push(fingerprint(await model.generate(prompt, optionsOf(i)).result()))
  })
  afterAll(() => model?.dispose())

  const optionsOf = (i: number) => ({ ...options, ...(i % 2 === 0 ? { temperature: 0 } : drawn) })

  it('that changes nothing gives the same bits, beside requests of every kind', async () => {
    const lines: number[][] = []
    const see = (logits: Float32Array, tokenIds: Int32Array) => {
      expect(logits).toHaveLength(model.info.vocabSize)
      lines.push([...tokenIds])
    }
    const runs = prompts.map((prompt, i) =>
      model
        .generate(prompt, { ...optionsOf(i), ...(i > 2 ? { logitsProcessor: see } : {}) })
        .result(),
    )
    const rows = model.logits(prompts[2]!)
    expect((await Promise.all(runs)).map(fingerprint)).toEqual(alone)
    expect(await rows).toEqual(await model.logits(prompts[2]!))
    const answer = (await runs[3]!).tokenIds
    const own = lines.filter(line => line.length >= prompts[3]!.length && line[1] === 100)
    expect(own[0]).toEqual(prompts[3])
    expect(own[3]).toEqual([...prompts[3]!, ...answer.slice(0, 3)])
  })

  it('decides what is sampled', async () => {
    const logitsProcessor = (logits: Float32Array, tokenIds: Int32Array) => {
      logits.fill(-1)
      logits[tokenIds.length % 5] = 3
    }
    const ask = { ...optionsOf(0), logitsProcessor }
    const { tokenIds, logprobs } = await model.generate([7, 8], ask).result()
    expect(tokenIds).toEqual([2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3])
    expect(logprobs![0]!.logprob).toBeCloseTo(
      -Math.log(1 + (model.info.vocabSize - 1) * Math.exp(-4)),
      5,
    )
  })

  const failures: [string, (logits: Float32Array) => void, object][] = [
    [
      'throws',
      () => {
        throw new Error('mine')
      },
      { code: 'engine_failed', message: 'mine' },
    ],
    ['writes NaN', logits => void logits.fill(Number.NaN, 5, 6), { code: 'numerical_error' }],
    ['bans everything', logits => void logits.fill(-Infinity), { code: 'numerical_error' }],
  ]
  it.each(failures)('that %s ends its request alone', async (_, spoil, error) => {
    await using engine = await createEngine(model, { kvPages: 40, maxBatchTokens: 40 })
    let calls = 0
    const logitsProcessor = (logits: Float32Array) => {
      if (++calls === 4) spoil(logits)
    }
    const bad = engine.generate(prompts[5]!, { ...optionsOf(5), logitsProcessor }).result()
    const good = prompts.map((prompt, i) => engine.generate(prompt, optionsOf(i)).result())
    await expect(bad).rejects.toMatchObject(error)
    expect((await Promise.all(good)).map(fingerprint)).toEqual(alone)
    expect(engine.stats().pages.used).toBe(0)
  })

  it('may call the engine', async () => {
    await using engine = await createEngine(model)
    const controller = new AbortController()
    let other: Promise<string> | undefined
    const logitsProcessor = () => {
      other ??= engine.generate(prompts[0]!, optionsOf(0)).result().then(fingerprint)
      controller.abort()
    }
    const ask = { ...optionsOf(1), logitsProcessor, signal: controller.signal }
    expect((await engine.generate(prompts[1]!, ask).result()).finishReason).toBe('aborted')
    expect(await other).toBe(alone[0])
  })

  it('is a function', async () => {
    const ask = model.generate([1], { logitsProcessor: 7 as never }).result()
    await expect(ask).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('a trace of routes', () => {
  needs(addon)

  it('has the experts of every token that was run', async () => {
    await using model = await loadModel(join(root, 'test/golden/moe-f32'), { pageSize: 16 })
    await using engine = await createEngine(model, { kvPages: 7, maxBatchTokens: 13 })
    const ask = { ...options, maxTokens: 40, temperature: 0, routes: true }
    const runs = prompts.map(prompt => engine.generate(prompt, ask).result())
    for (const [i, result] of (await Promise.all(runs)).entries()) {
      const line = [...prompts[i]!, ...result.tokenIds.slice(0, -1)]
      expect(result.routes).toEqual(await model.routes(line))
      expect(result.usage.cachedTokens).toBe(0)
    }
    expect(engine.stats().preemptions).toBeGreaterThan(0)
    expect((await engine.generate(prompts[1]!, { maxTokens: 1 }).result()).routes).toBeUndefined()
  })
})

describe('a step with edited rows', () => {
  it('that fails is run alone for each of its requests', async () => {
    let fails = 0
    const { model } = fakeModel({
      beforeStep: batch => {
        if (batch.positions.includes(6) && fails-- > 0) throw new Error('once')
      },
    })
    const logitsProcessor = (logits: Float32Array) => void logits.reverse()
    const asks = [{ maxTokens: 9 }, { maxTokens: 9, logitsProcessor }]
    const alone = await model.generate([3, 4], asks[1]).result()
    fails = 1
    const runs = await Promise.all(asks.map(ask => model.generate([3, 4], ask).result()))
    expect(runs[1]!.tokenIds).toEqual(alone.tokenIds)
    expect(runs[0]!.tokenIds).not.toEqual(alone.tokenIds)
  })
})

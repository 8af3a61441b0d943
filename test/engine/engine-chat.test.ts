import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import { addon, needs } from './needs.ts'

describe('chat on an engine', () => {
  needs(addon, 'default-model/model.safetensors')

  it('gives what the model gives, over the history that it holds', async () => {
    await using model = await loadModel(undefined, { prefixCache: false })
    await using engine = await createEngine(model, { prefixCache: true })
    const options = { temperature: 0, maxTokens: 12, templateOptions: {} }
    const system = 'You answer briefly and kindly. '.repeat(8)
    const messages = [{ role: 'system' as const, content: system }]
    const cached: number[] = []
    for (const content of ['Hello!', 'What is 2 + 2?', 'Thank you!']) {
      const asked = [...messages, { role: 'user' as const, content }]
      const truth = await model.chat(asked, options).result()
      const answer = await engine.chat(asked, { ...options, cacheSalt: 'a', priority: 1 }).result()
      expect([answer.text, answer.tokenIds]).toEqual([truth.text, truth.tokenIds])
      cached.push(answer.usage.cachedTokens)
      expect(answer.usage.cachedTokens).toBeLessThan(answer.usage.promptTokens)
    }
    expect(cached[0]).toBe(0)
    expect(cached[1]).toBeGreaterThan(0)
    expect(cached[2]).toBe(cached[1])
    const [load] = engine.stats().experts
    expect(load!.tokens).toHaveLength(model.info.experts)
    expect(load!.imbalance).toBeGreaterThanOrEqual(1)
  })

  it('refuses a conversation that is not there', async () => {
    await using model = await loadModel()
    const answer = model.chat(undefined as never)
    await expect(answer.result()).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('refuses an option that is not its own', async () => {
    await using model = await loadModel()
    await using engine = await createEngine(model)
    const ask = [{ role: 'user' as const, content: 'Hello!' }]
    for (const answer of [
      engine.chat(ask, { stream: true } as object),
      model.chat(ask, { timeoutMs: 5 } as object),
    ])
      await expect(answer.result()).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

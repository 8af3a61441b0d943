import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { ConclaveError } from '../../lib/errors.ts'
import { createApp } from '../../lib/server/app.ts'
import { fakeModel } from './fake-model.ts'

const sentence = 'A CUDA call failed (attention): an illegal memory access was encountered.'

/** A model whose device is lost in step `lostIn`, counted from 1. */
function modelThatIsLost(lostIn: number) {
  let steps = 0
  const held = fakeModel({
    beforeStep: () => {
      steps++
      if (steps >= lostIn) {
        held.executor.lost = sentence
        throw new ConclaveError('engine_failed', sentence)
      }
    },
  })
  return { ...held, numSteps: () => steps }
}

const failed = expect.objectContaining({ code: 'engine_failed', message: sentence })

describe('a GPU that is lost', () => {
  it('ends every request at once, and asks nothing more of it', async () => {
    const { model, numSteps } = modelThatIsLost(3)
    const answers = [1, 2, 3, 4].map(id => model.generate([id], { maxTokens: 20 }).result())
    for (const answer of answers) await expect(answer).rejects.toEqual(failed)
    // The one that failed, and the one that may be queued behind it: nobody is tried alone.
    const atLeast = numSteps()
    expect(atLeast).toBeLessThanOrEqual(4)
    expect(model.engine.failure).toEqual(failed)
    expect(model.engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    await expect(model.generate([1]).result()).rejects.toEqual(failed)
    await expect(model.logits([1])).rejects.toEqual(failed)
    expect(numSteps()).toBe(atLeast)
    await model.dispose()
    await expect(model.generate([1]).result()).rejects.toMatchObject({ code: 'disposed' })
  })

  it('is lost to the other engines of the model too', async () => {
    const { model, numSteps } = modelThatIsLost(1)
    await using other = await createEngine(model, { kvPages: 8 })
    expect(other.failure).toBeUndefined()
    await expect(model.generate([1]).result()).rejects.toEqual(failed)
    expect(other.failure).toEqual(failed)
    const before = numSteps()
    await expect(other.generate([1]).result()).rejects.toEqual(failed)
    expect(numSteps()).toBe(before)
  })

  it('is told apart from an error that one request has', async () => {
    const { model } = fakeModel({
      beforeStep: batch => {
        if (batch.tokenIds.includes(13)) throw new ConclaveError('engine_failed', 'refused')
      },
    })
    await expect(model.generate([13]).result()).rejects.toMatchObject({ code: 'engine_failed' })
    expect(model.engine.failure).toBeUndefined()
    expect((await model.generate([1], { maxTokens: 3 }).result()).tokenIds.length).toBe(3)
  })

  it('makes /health say 503, and every request', async () => {
    const { model } = modelThatIsLost(1)
    const app = createApp(model, { apiKeys: ['sk'] })
    const get = (path: string) =>
      app.fetch(`http://conclave${path}`, { headers: { authorization: 'Bearer sk' } })
    expect((await get('/health')).status).toBe(200)
    await expect(model.generate([1]).result()).rejects.toEqual(failed)
    const health = await get('/health')
    expect([health.status, await health.json()]).toEqual([503, { status: 'failed' }])
    const answer = await app.fetch('http://conclave/v1/completions', {
      method: 'POST',
      headers: { authorization: 'Bearer sk', 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: [1, 2], max_tokens: 2 }),
    })
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'engine_failed' } })
  })
})

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { loadModel } from '../../lib/engine/load.ts'
import { seededInts } from './mixes.ts'
import { addon, firstMissing, needs, root } from './needs.ts'

const numRequests = Number(process.env.CONCLAVE_SOAK ?? 1500)
const folder = join(root, 'test/golden/moe-f32')
/** The embedded model, where it is there. */
const soaked = firstMissing(['default-model/config.json']) === undefined ? undefined : folder
const count = (path: string) => (process.platform === 'linux' ? readdirSync(path).length : 0)

describe('an engine under load', () => {
  needs(addon)

  it(`leaks nothing in ${numRequests} requests, some aborted, some malformed`, async () => {
    await using model = await loadModel(soaked, { pageSize: 16 })
    const engine = await createEngine(model, { kvPages: 60, maxBatchTokens: 128 })
    const int = seededInts(11)
    const seen = { length: 0, aborted: 0, invalid_request: 0, timeout: 0 }
    const one = async () => {
      const prompt: number[] = Array.from({ length: 1 + int(60) }, () => int(8))
      const malformed = int(100) < 5
      if (malformed) prompt[0] = -1
      const controller = new AbortController()
      if (int(100) < 30) setTimeout(() => controller.abort(), int(20))
      const options = {
        maxTokens: 1 + int(20),
        temperature: 1,
        ignoreEos: true,
        signal: controller.signal,
        ...(int(100) < 5 ? { timeoutMs: 1 + int(20) } : {}),
      }
      const answer = engine.generate(prompt, options)
      try {
        // One in twenty never reads its chunks.
        if (int(20) > 0)
          for await (const { text, tokenIds } of answer)
            expect(text !== '' || tokenIds.length > 0, 'an empty chunk').toBe(true)
        seen[(await answer.result()).finishReason as 'length']++
      } catch (error) {
        const { code } = error as { code: 'timeout' }
        if (!Object.hasOwn(seen, code)) throw error
        seen[code]++
        if (malformed) expect(error).toMatchObject({ code: 'invalid_request' })
      }
    }
    const workers = async () => {
      const each = async () => {
        for (let i = 0; i < numRequests / 2 / 40; i++) await one()
      }
      await Promise.all(Array.from({ length: 40 }, each))
    }
    await workers()
    const before = { rss: process.memoryUsage.rss(), files: count('/proc/self/fd') }
    const threads = count('/proc/self/task')
    await workers()
    for (const [what, n] of Object.entries(seen)) expect(n, what).toBeGreaterThan(0)
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
    expect(count('/proc/self/fd')).toBeLessThanOrEqual(before.files)
    expect(count('/proc/self/task')).toBeLessThanOrEqual(threads)
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(48 * 2 ** 20)
    await engine.dispose()
  }, 3_600_000)

  it('frees the pages of an abort within one step', async () => {
    await using model = await loadModel(folder, { pageSize: 16 })
    await using engine = await createEngine(model, { maxBatchTokens: 16 })
    for (const chunks of [0, 1, 5]) {
      const controller = new AbortController()
      const options = { maxTokens: 500, ignoreEos: true, signal: controller.signal }
      const answer = engine.generate(Array(200).fill(7 + chunks), options)
      let read = 0
      for await (const _ of answer) if (++read >= chunks) break
      const { steps } = engine.stats()
      controller.abort()
      expect((await answer.result()).finishReason).toBe('aborted')
      while (engine.stats().pages.used > 0) await new Promise(resolve => setImmediate(resolve))
      expect(engine.stats().steps).toBeLessThanOrEqual(steps + 1)
    }
  })
})

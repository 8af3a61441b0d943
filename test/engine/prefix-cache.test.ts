import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { keyedHash } from '../../lib/engine/prefix-cache.ts'
import { expectedTokens, fakeModel } from './fake-model.ts'

const line = (length: number, from = 0) => Array.from({ length }, (_, i) => (from + i * 7) % 97)

describe('prefix cache', () => {
  it('spares the full pages of a prompt that begins alike, and tells so', async () => {
    const { model, executor } = fakeModel()
    const first = await model.generate(line(18), { maxTokens: 3 }).result()
    const before = executor.steps.reduce((sum, s) => sum + s.numTokens, 0)
    const again = await model.generate(line(18), { maxTokens: 3 }).result()
    const spent = executor.steps.reduce((sum, s) => sum + s.numTokens, 0) - before
    expect([first.usage.cachedTokens, again.usage.cachedTokens]).toEqual([0, 16])
    expect(spent).toBe(18 - 16 + 2)
    expect(again.tokenIds).toEqual(expectedTokens(line(18), 3))
    const other = await model.generate([...line(9), 50, 51], { maxTokens: 3 }).result()
    expect(other.usage.cachedTokens).toBe(8)
    expect(other.tokenIds).toEqual(expectedTokens([...line(9), 50, 51], 3))
  })

  it('computes at least one token again', async () => {
    const { model } = fakeModel()
    for (const cachedTokens of [0, 12]) {
      const { usage } = await model.generate(line(16), { maxTokens: 2 }).result()
      expect(usage.cachedTokens).toBe(cachedTokens)
    }
  })

  it('holds the answers too: forty turns compute only what is new', async () => {
    const { model } = fakeModel({ maxContext: 1000, numPages: 250 })
    let history: number[] = []
    for (let turn = 0; turn < 40; turn++) {
      const prompt = [...history, ...line(7, turn)]
      const { tokenIds, usage } = await model.generate(prompt, { maxTokens: 10 }).result()
      expect(tokenIds).toEqual(expectedTokens(prompt, 10))
      // All but the last answer token was computed, in full pages.
      expect(usage.cachedTokens).toBe(Math.floor(Math.max(0, history.length - 1) / 4) * 4)
      history = [...prompt, ...tokenIds]
    }
  })

  it('gives its pages up when requests need them, the longest unused first', async () => {
    const { model, engine } = fakeModel({ numPages: 6 })
    await model.generate(line(9), { maxTokens: 1 }).result()
    await model.generate(line(9, 1), { maxTokens: 1 }).result()
    expect(engine.stats().pages).toMatchObject({ used: 0, cached: 4 })
    await model.generate(line(13, 2), { maxTokens: 1 }).result()
    const newer = await model.generate(line(9, 1), { maxTokens: 1 }).result()
    const older = await model.generate(line(9), { maxTokens: 1 }).result()
    expect([newer.usage.cachedTokens, older.usage.cachedTokens]).toEqual([8, 0])
  })

  it('is a miss where hashes collide', async () => {
    for (const pageHash of [() => 'same', (_: string, t: Int32Array) => String(t.at(-1))]) {
      const { model } = fakeModel({ pageHash })
      const prompts = [line(18), [...line(8), ...line(10, 5)], [9, ...line(17).slice(1)], line(18)]
      for (const prompt of prompts) {
        const result = await model.generate(prompt, { maxTokens: 4 }).result()
        expect(result.tokenIds).toEqual(expectedTokens(prompt, 4))
      }
    }
  })

  it('never meets across salts, and hashes under a key of its own', async () => {
    const { model } = fakeModel()
    await using engine = await createEngine(model)
    const cached = async (cacheSalt?: string) => {
      const options = cacheSalt === undefined ? {} : { cacheSalt }
      const result = await engine.generate(line(18), { maxTokens: 1, ...options }).result()
      return result.usage.cachedTokens
    }
    expect([await cached('a'), await cached('b'), await cached('a'), await cached()]).toEqual([
      0, 0, 16, 0,
    ])
    const tokens = Int32Array.of(1, 2)
    expect(keyedHash()('', tokens)).not.toBe(keyedHash()('', tokens))
    const hash = keyedHash(new Uint8Array(32))
    expect(Buffer.from(hash('', tokens), 'base64')).toHaveLength(32)
    expect(hash('', tokens)).toBe(hash('', Int32Array.of(1, 2)))
    expect(hash('x', tokens)).not.toBe(hash('', tokens))
  })

  it('can be turned off for a model or an engine', async () => {
    const { model, engine } = fakeModel({ prefixCache: false })
    await using other = await createEngine(model, { prefixCache: true })
    for (const cachedTokens of [0, 0]) {
      const { usage } = await model.generate(line(18), { maxTokens: 2 }).result()
      expect(usage.cachedTokens).toBe(cachedTokens)
    }
    for (const cachedTokens of [0, 16]) {
      const { usage } = await other.generate(line(18), { maxTokens: 2 }).result()
      expect(usage.cachedTokens).toBe(cachedTokens)
    }
    expect(engine.stats().pages.cached).toBe(0)
  })

  it('keeps nothing of a request whose row was not finite', async () => {
    const { model, engine } = fakeModel({ next: tokens => (tokens[0] === 9 ? -1 : 1) })
    const bad = model.generate([9, ...line(18)], { maxTokens: 2 }).result()
    await expect(bad).rejects.toMatchObject({ code: 'numerical_error' })
    expect(engine.stats().pages).toMatchObject({ used: 0, cached: 0 })
  })
})

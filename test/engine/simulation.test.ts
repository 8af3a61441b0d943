import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashNext } from './fake-executor.ts'
import { expectedTokens, fakeModel } from './fake-model.ts'

/** A step that holds it fails; the last of the vocabulary, never generated. */
const cursedToken = 96

const prompts = (max: number) =>
  fc.array(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 20 })

const request = fc.record({
  /** Of few ids, so that prompts often begin alike, or of all. */
  prompt: fc.oneof(prompts(1), prompts(95)),
  /** Its steps always fail. */
  cursed: fc.boolean(),
  maxTokens: fc.integer({ min: 1, max: 12 }),
  /** Steps of the engine before it is made. */
  delay: fc.nat(6),
  how: fc.constantFrom('result', 'iterate', 'break', 'abort', 'never read'),
  /** Chunks read, or steps waited, before it is broken off. */
  after: fc.nat(8),
})

const sizes = fc.record({
  pageSize: fc.integer({ min: 1, max: 5 }),
  numPages: fc.integer({ min: 4, max: 40 }),
  maxBatchTokens: fc.integer({ min: 1, max: 20 }),
  maxSequences: fc.integer({ min: 1, max: 6 }),
})

const turn = () => new Promise(resolve => setImmediate(resolve))

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

describe('many requests', () => {
  it('all end, each with its own tokens, whatever the others do', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(request, { maxLength: 12 }), async (options, requests) => {
        const { model, engine, executor } = fakeModel({
          ...options,
          maxContext: 32,
          next: tokens => hashNext(tokens, cursedToken),
          beforeStep: batch => {
            if (batch.tokenIds.includes(cursedToken)) throw new Error('cursed')
          },
        })
        const outcomes = requests.map(async ({ prompt, cursed, maxTokens, delay, how, after }) => {
          await turns(delay)
          const ids = cursed ? [...prompt.slice(1), cursedToken] : prompt
          const controller = new AbortController()
          const answer = model.generate(ids, { maxTokens, signal: controller.signal })
          const read: number[] = []
          if (how === 'never read') return
          if (how === 'abort') void turns(after).then(() => controller.abort())
          try {
            if (how === 'iterate' || how === 'break')
              for await (const { tokenIds } of answer) {
                read.push(...tokenIds)
                if (how === 'break' && read.length > after) break
              }
            const { tokenIds, finishReason } = await answer.result()
            const expected = expectedTokens(ids, maxTokens, cursedToken)
            expect(tokenIds).toEqual(expected.slice(0, tokenIds.length))
            if (finishReason === 'length') expect(tokenIds).toHaveLength(maxTokens)
            else
              expect([how, finishReason]).toEqual([expect.stringMatching(/abort|break/), 'aborted'])
            expect(read).toEqual(how === 'iterate' ? tokenIds : tokenIds.slice(0, read.length))
          } catch (error) {
            const code = (error as { code?: string }).code
            if (code === undefined) throw error
            const tooLarge = Math.ceil((ids.length + maxTokens - 1) / options.pageSize)
            if (code === 'kv_capacity') expect(tooLarge).toBeGreaterThan(options.numPages)
            else expect([cursed, code]).toEqual([true, 'engine_failed'])
          }
        })
        await Promise.all(outcomes)
        await turns(4)
        expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, pages: { used: 0 } })
        expect(executor.samplers.size).toBe(0)
        await model.dispose()
      }),
      { numRuns: 300 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { ConclaveError } from '../../lib/errors.ts'
import { expectedTokens, fakeModel } from './fake-model.ts'

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    error => (error instanceof ConclaveError ? error.code : `not ours: ${error}`),
  )

describe('a refused request', () => {
  const { model, executor } = fakeModel({ maxContext: 16, numPages: 3, pageSize: 4 })
  const cases: [string, unknown, unknown, string][] = [
    ['no ids', [], {}, 'invalid_request'],
    ['text without a tokenizer', 'hello', {}, 'invalid_request'],
    ['no prompt', undefined, {}, 'invalid_request'],
    ['a number', 7, {}, 'invalid_request'],
    ['a negative id', [-1], {}, 'invalid_request'],
    ['an id beyond the vocabulary', [97], {}, 'invalid_request'],
    ['a broken id', [1.5], {}, 'invalid_request'],
    ['NaN', [Number.NaN], {}, 'invalid_request'],
    ['a string id', ['1'], {}, 'invalid_request'],
    ['a hole', Array(2), {}, 'invalid_request'],
    ['an unknown option', [1], { max_tokens: 3 }, 'invalid_request'],
    ['options that are no object', [1], 7, 'invalid_request'],
    ['a signal that is none', [1], { signal: {} }, 'invalid_request'],
    ['a prompt over the context', Array(17).fill(1), {}, 'context_length_exceeded'],
    ['a prompt that leaves no room', Array(16).fill(1), {}, 'context_length_exceeded'],
    ['prompt and answer over the context', [1, 2], { maxTokens: 15 }, 'context_length_exceeded'],
    ['more pages than there are', [1, 2], { maxTokens: 14 }, 'kv_capacity'],
  ]
  it.each(cases)('%s', async (_, prompt, options, code) => {
    const answer = model.generate(prompt as number[], options as object)
    expect(await codeOf(answer.result())).toBe(code)
    expect(
      await codeOf(
        model
          .generate(prompt as number[], options as object)
          [Symbol.asyncIterator]()
          .next(),
      ),
    ).toBe(code)
    expect(executor.steps).toEqual([])
  })

  it('prompt and answer may fill the context exactly', async () => {
    const { model } = fakeModel({ maxContext: 16, numPages: 4, pageSize: 4 })
    const result = await model.generate([1, 2], { maxTokens: 14 }).result()
    expect(result.tokenIds).toEqual(expectedTokens([1, 2], 14))
    expect((await model.generate([1, 2]).result()).tokenIds.length).toBe(14)
  })
})

describe('a step that fails', () => {
  it('ends the one guilty request; the neighbours run on', async () => {
    const { model, engine, executor } = fakeModel({
      maxBatchTokens: 64,
      beforeStep: batch => {
        if (batch.tokenIds.includes(66) && batch.positions.includes(0))
          throw Object.assign(new Error('out of luck'), { code: 'numerical_error' })
      },
    })
    const prompts = [
      [1, 2],
      [66, 4],
      [5, 6, 7],
    ]
    const results = await Promise.all(
      prompts.map(async p => {
        const answer = model.generate(p, { maxTokens: 6 }).result()
        return answer.then(
          r => r.tokenIds,
          error => error.code,
        )
      }),
    )
    expect(results).toEqual([
      expectedTokens([1, 2], 6),
      'numerical_error',
      expectedTokens([5, 6, 7], 6),
    ])
    expect(engine.stats().pages.used).toBe(0)
    expect(executor.samplers.size).toBe(0)
  })

  it('that always fails ends every request and leaves the engine usable', async () => {
    let broken = true
    const { model } = fakeModel({
      beforeStep: () => {
        if (broken) throw new Error('broken')
      },
    })
    const all = await Promise.all([1, 2, 3].map(i => codeOf(model.generate([i]).result())))
    expect(all).toEqual(['engine_failed', 'engine_failed', 'engine_failed'])
    broken = false
    const result = await model.generate([1], { maxTokens: 3 }).result()
    expect(result.tokenIds).toEqual(expectedTokens([1], 3))
  })

  it('a row that is not finite is a numerical_error of that request alone', async () => {
    const { model } = fakeModel({ next: tokens => (tokens[0] === 9 ? -1 : tokens.length) })
    const bad = model.generate([9], { maxTokens: 3 }).result()
    const good = model.generate([1], { maxTokens: 3 }).result()
    expect(await codeOf(bad)).toBe('numerical_error')
    expect((await good).tokenIds).toEqual([1, 2, 3])
  })

  it('an iterator throws what result() rejects with, and nothing is left unhandled', async () => {
    const { model } = fakeModel({ next: tokens => (tokens.length > 3 ? -1 : 5) })
    const answer = model.generate([1], { maxTokens: 9 })
    const ids: number[] = []
    const read = async () => {
      for await (const chunk of answer) ids.push(...chunk.tokenIds)
    }
    expect(await codeOf(read())).toBe('numerical_error')
    expect(ids).toEqual([5, 5, 5])
  })
})

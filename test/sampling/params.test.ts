import { describe, expect, it } from 'vitest'
import { checkNames } from '../../lib/sampling/check.ts'
import { toNative } from '../../lib/sampling/native-params.ts'
import type { GenerateOptions, SamplingDefaults } from '../../lib/sampling/options.ts'
import { generateOptionNames } from '../../lib/sampling/options.ts'
import { resolveSampling } from '../../lib/sampling/params.ts'

const defaults: SamplingDefaults = { temperature: 0, eosTokenIds: [7] }

function resolve(options: object, model: SamplingDefaults = defaults) {
  return resolveSampling(options as GenerateOptions, {
    defaults: model,
    vocabLimit: 100,
    promptTokens: 10,
    maxContext: 50,
    randomSeed: () => 42n,
  })
}

const strange = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  '1',
  true,
  null,
  [],
  [1],
  {},
  () => 1,
  1n,
]

/** Option, values that work, values that do not. */
const table: [string, unknown[], unknown[]][] = [
  ['maxTokens', [1, 40], [0, -1, 1.5, 2 ** 53 + 2, 1e18]],
  ['minTokens', [0, -0, 40], [-1, 41, 0.5, 1e18]],
  ['temperature', [0, -0, 1e-9, 0.7, 2], [-0.1, 2.01, 9, 1e308]],
  ['topK', [0, 1, 1e9], [-1, 0.5, 2 ** 31, 2 ** 53 + 2]],
  ['topP', [0, 0.5, 1], [-0.1, 1.01, 2]],
  ['minP', [0, 0.5, 1], [-0.1, 1.01]],
  ['repetitionPenalty', [0.01, 1, 10], [0, -1, 10.1]],
  ['presencePenalty', [-2, 0, 2], [-2.1, 2.1]],
  ['frequencyPenalty', [-2, 0, 2], [-2.1, 2.1]],
  ['logprobs', [0, 20], [-1, 21, 1e6, 0.5]],
]

describe('sampling parameters', () => {
  for (const [name, good, bad] of table) {
    it.each(good)(`${name}: %s works`, value => {
      expect(resolve({ [name]: value })[name as 'topK']).toBe((value as number) + 0)
    })
    it.each([...bad, ...strange])(`${name}: %s is refused`, value => {
      const code = expect.stringMatching(/^(invalid_request|context_length_exceeded)$/)
      expect(() => resolve({ [name]: value })).toThrowError(expect.objectContaining({ code }))
    })
  }

  it('a seed is a whole number below 2^64', () => {
    expect(resolve({}).seed).toBe(42n)
    for (const seed of [0, 5, 2 ** 53 - 1]) expect(resolve({ seed }).seed).toBe(BigInt(seed))
    expect(resolve({ seed: 2n ** 64n - 1n }).seed).toBe(2n ** 64n - 1n)
    for (const seed of [-1, 0.5, 2 ** 53, 2n ** 64n, -1n, 'x', null, Number.NaN, []])
      expect(() => resolve({ seed })).toThrowError(/seed/)
  })

  it('logitBias takes a record or a Map of ids that exist', () => {
    expect([...resolve({ logitBias: { 3: 1, '99': -100 } }).logitBias]).toEqual([
      [3, 1],
      [99, -100],
    ])
    expect([...resolve({ logitBias: new Map([[5, 2]]) }).logitBias]).toEqual([[5, 2]])
    const many = new Map(Array.from({ length: 16_385 }, (_, i) => [i, 0]))
    const bad: unknown[] = [{ 100: 1 }, { '-1': 1 }, { hello: 1 }, { '1e1': 1 }, { 1: 101 }, many]
    bad.push({ 1: Number.NaN }, { 1: '1' }, [1], 7, null, new Map([['1.5', 1]]))
    bad.push(JSON.parse('{"__proto__": 1}'))
    for (const logitBias of bad)
      expect(() => resolve({ logitBias })).toThrowError(
        expect.objectContaining({ code: 'invalid_request' }),
      )
  })

  it('stop takes up to 16 strings of 1 KiB', () => {
    expect(resolve({ stop: 'x' }).stop).toEqual(['x'])
    expect(resolve({ stop: Array(16).fill('a'.repeat(1024)) }).stop.length).toBe(1)
    const bad: unknown[] = ['', [''], Array(17).fill('a'), 'a'.repeat(1025), '字'.repeat(342)]
    bad.push('\ud800', [1], 7, null, {}, Array(100_000).fill('x'))
    for (const stop of bad) expect(() => resolve({ stop })).toThrowError(/stop/)
  })

  it('stopTokenIds end an answer next to the model’s own ids', () => {
    expect([...resolve({ stopTokenIds: [1] }).endTokenIds]).toEqual([7, 1])
    expect([...resolve({ stopTokenIds: [1], ignoreEos: true }).endTokenIds]).toEqual([1])
    const bad: unknown[] = [[100], [-1], [1.5], ['1'], 1, null, Array(129).fill(1)]
    for (const stopTokenIds of bad) expect(() => resolve({ stopTokenIds })).toThrowError(/stopTok/)
    for (const ignoreEos of [1, 'true', null]) expect(() => resolve({ ignoreEos })).toThrowError()
  })

  it('maxTokens and the prompt share the context', () => {
    expect(resolve({}).maxTokens).toBe(40)
    expect(resolve({ maxTokens: 40 }).maxTokens).toBe(40)
    expect(() => resolve({ maxTokens: 41 })).toThrowError(
      expect.objectContaining({
        code: 'context_length_exceeded',
        details: { promptTokens: 10, maxTokens: 41, maxContext: 50 },
      }),
    )
  })

  it('defaults are the model’s own; greedy where it does not sample', () => {
    expect(resolve({})).toMatchObject({ temperature: 0, topK: 0, topP: 1, minP: 0 })
    const model = { topK: 20, topP: 0.95, repetitionPenalty: 1.05, eosTokenIds: [] }
    expect(resolve({}, model)).toMatchObject({ temperature: 1, ...{ topK: 20, topP: 0.95 } })
    expect(resolve({ topK: 0, temperature: 0.5 }, model)).toMatchObject({
      temperature: 0.5,
      topK: 0,
      repetitionPenalty: 1.05,
    })
  })

  it('an unknown name is refused with the nearest known one', () => {
    for (const [name, nearest] of [
      ['max_tokens', 'maxTokens'],
      ['temprature', 'temperature'],
      ['top_k', 'topK'],
      ['stops', 'stop'],
    ])
      expect(() => checkNames({ [name!]: 1 }, generateOptionNames)).toThrowError(
        expect.objectContaining({ code: 'invalid_request', details: { option: name, nearest } }),
      )
  })

  it('go to the native sampler as they are', () => {
    const params = resolve({ logitBias: { 3: 1.5 }, minTokens: 2, seed: 9, logprobs: 3 })
    expect(toNative(params, 100)).toMatchObject({
      seed: 9n,
      logprobs: 3,
      minTokens: 2,
      vocabLimit: 100,
      bannedUntilMin: Int32Array.of(7),
      biasIds: Int32Array.of(3),
      biasValues: Float32Array.of(1.5),
    })
  })
})

/**
 * Options and the model's defaults → one frozen, checked set of sampling parameters.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { checkBoolean, checkNumber, invalid, type Range } from './check.ts'
import type { GenerateOptions, LogitsProcessor, SamplingDefaults } from './options.ts'

/** Caps on what one request may ask for. */
export const samplingLimits = {
  logitBias: 16_384,
  logprobs: 20,
  stopStrings: 16,
  stopBytes: 1024,
  stopTokenIds: 128,
} as const

const maxCount = 2 ** 31 - 1

const ranges = {
  temperature: { min: 0, max: 2 },
  topK: { min: 0, max: maxCount, integer: true },
  topP: { min: 0, max: 1 },
  minP: { min: 0, max: 1 },
  repetitionPenalty: { min: 0.01, max: 10 },
  presencePenalty: { min: -2, max: 2 },
  frequencyPenalty: { min: -2, max: 2 },
} as const satisfies Record<string, Range>

/** Everything that decides a request's tokens, checked and complete. */
export interface SamplingParams {
  readonly maxTokens: number
  readonly minTokens: number
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  readonly logitBias: ReadonlyMap<number, number>
  readonly seed: bigint
  /** −1: none. */
  readonly logprobs: number
  readonly stop: readonly string[]
  readonly logitsProcessor: LogitsProcessor | undefined
  /** Ids that end the answer: the model's own unless `ignoreEos`, and the caller's. */
  readonly endTokenIds: ReadonlySet<number>
}

/** What the model and the prompt allow. */
export interface SamplingContext {
  defaults: SamplingDefaults
  /**
   * Ids that may be sampled or named: tokens of the tokenizer, or rows of the logits without one.
   */
  vocabLimit: number
  promptTokens: number
  maxContext: number
  randomSeed: () => bigint
}

/**
 * Checks `options` and fills in what they leave out.
 *
 * Throws `invalid_request` naming the option, or `context_length_exceeded` with both numbers.
 * @example
 * const sizes = { vocabLimit: 151_669, promptTokens: 12, maxContext: 32_768 }
 * const context = { defaults, randomSeed, ...sizes }
 * resolveSampling({ temperature: 0.7 }, context).maxTokens // 32_756
 */
export function resolveSampling(
  options: GenerateOptions,
  context: SamplingContext,
): Readonly<SamplingParams> {
  const { defaults, vocabLimit } = context
  const number = (name: keyof typeof ranges, fallback: number) =>
    options[name] === undefined ? fallback : checkNumber(name, options[name], ranges[name])
  const maxTokens = resolveMaxTokens(options.maxTokens, context)
  const minTokens =
    options.minTokens === undefined
      ? 0
      : checkNumber('minTokens', options.minTokens, { min: 0, max: maxTokens, integer: true })
  const ignoreEos = options.ignoreEos !== undefined && checkBoolean('ignoreEos', options.ignoreEos)
  const stopTokenIds = resolveStopTokenIds(options.stopTokenIds, vocabLimit)
  const logprobs =
    options.logprobs === undefined
      ? -1
      : checkNumber('logprobs', options.logprobs, {
          min: 0,
          max: samplingLimits.logprobs,
          integer: true,
        })
  return Object.freeze({
    maxTokens,
    minTokens,
    temperature: number('temperature', defaults.temperature ?? 1),
    topK: number('topK', defaults.topK ?? 0),
    topP: number('topP', defaults.topP ?? 1),
    minP: number('minP', defaults.minP ?? 0),
    repetitionPenalty: number('repetitionPenalty', defaults.repetitionPenalty ?? 1),
    presencePenalty: number('presencePenalty', 0),
    frequencyPenalty: number('frequencyPenalty', 0),
    logitBias: resolveLogitBias(options.logitBias, vocabLimit),
    seed: resolveSeed(options.seed) ?? context.randomSeed(),
    logprobs,
    stop: resolveStop(options.stop),
    logitsProcessor: resolveProcessor(options.logitsProcessor),
    endTokenIds: new Set([...(ignoreEos ? [] : defaults.eosTokenIds), ...stopTokenIds]),
  })
}

function resolveMaxTokens(value: unknown, context: SamplingContext): number {
  const { promptTokens, maxContext } = context
  const room = maxContext - promptTokens
  const wanted =
    value === undefined
      ? Math.max(1, room)
      : checkNumber('maxTokens', value, { min: 1, max: maxCount, integer: true })
  const answer = value === undefined ? 'an answer needs 1' : `maxTokens is ${wanted}`
  if (wanted > room)
    throw new ConclaveError(
      'context_length_exceeded',
      `Expected prompt and answer within the context of ${maxContext} tokens, but the prompt has ` +
        `${promptTokens} and ${answer}. ` +
        'Shorten the prompt, lower maxTokens or load the model with a larger maxContext.',
      { promptTokens, maxTokens: wanted, maxContext },
    )
  return wanted
}

function resolveSeed(value: unknown): bigint | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'bigint' && value >= 0n && value < 1n << 64n) return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw invalid('seed', 'a whole number from 0 to 2^53 − 1 or a bigint below 2^64', value)
}

function resolveLogitBias(value: unknown, vocabLimit: number): Map<number, number> {
  const bias = new Map<number, number>()
  if (value === undefined) return bias
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('logitBias', 'a record or a Map from token ids to numbers', value)
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  const most = samplingLimits.logitBias
  if (entries.length > most)
    throw invalid('logitBias', `at most ${most} token ids`, `${entries.length} ids`)
  for (const [key, amount] of entries) {
    const id = typeof key === 'string' && /^\d{1,10}$/.test(key) ? Number(key) : key
    checkNumber('an id of logitBias', id, { min: 0, max: vocabLimit - 1, integer: true })
    bias.set(id, checkNumber(`logitBias of ${id}`, amount, { min: -100, max: 100 }))
  }
  return bias
}

function resolveProcessor(value: unknown): LogitsProcessor | undefined {
  if (value === undefined || typeof value === 'function') return value as LogitsProcessor
  throw invalid('logitsProcessor', 'a function of (logits, tokenIds)', value)
}

function resolveStop(value: unknown): readonly string[] {
  if (value === undefined) return []
  const list: unknown = typeof value === 'string' ? [value] : value
  const { stopStrings, stopBytes } = samplingLimits
  const fits = (text: unknown) =>
    typeof text === 'string' &&
    text !== '' &&
    text.length <= stopBytes &&
    Buffer.byteLength(text) <= stopBytes &&
    !/\p{Surrogate}/u.test(text)
  if (!Array.isArray(list) || list.length > stopStrings || !list.every(fits))
    throw invalid('stop', `at most ${stopStrings} non-empty strings of ${stopBytes} bytes`, value)
  return Object.freeze([...new Set<string>(list)])
}

function resolveStopTokenIds(value: unknown, vocabLimit: number): readonly number[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > samplingLimits.stopTokenIds)
    throw invalid('stopTokenIds', `an array of at most ${samplingLimits.stopTokenIds} ids`, value)
  const range = { min: 0, max: vocabLimit - 1, integer: true }
  return value.map(id => checkNumber('an id of stopTokenIds', id, range))
}

/**
 * What a caller may ask of one generation.
 * @module
 */
import type { StructuredOptions } from './structured.ts'

/**
 * Options of `generate`; every one may be left out. `generation_config.json` gives defaults where
 * it has them.
 */
export interface GenerateOptions {
  /** Most new tokens. Default: what the context leaves. */
  maxTokens?: number
  /** End-of-text and stop ids cannot come before this many new tokens. Default 0. */
  minTokens?: number
  /** 0 … 2; 0 is greedy. Default: the model's own if it samples, else 0. */
  temperature?: number
  /** Draw among the k best tokens, 0 = all. Default: the model's own, else 0. */
  topK?: number
  /**
   * Draw among the fewest tokens that hold this share of probability, 0 … 1. Default: the model's
   * own, else 1.
   */
  topP?: number
  /**
   * Drop tokens below this share of the best one's probability, 0 … 1. Default: the model's own,
   * else 0.
   */
  minP?: number
  /**
   * Divides positive logits of tokens already seen, prompt included, 0.01 … 10. Default: the
   * model's own, else 1.
   */
  repetitionPenalty?: number
  /** Taken off the logit of each generated token once, −2 … 2. Default 0. */
  presencePenalty?: number
  /** Taken off the logit of each generated token for each time it came, −2 … 2. Default 0. */
  frequencyPenalty?: number
  /** Token id → −100 … 100, added to its logit; at most 16,384 ids. */
  logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number>
  /**
   * Whole number, 0 … 2^64 − 1. The same seed gives the same tokens. Default: random, reported in
   * the result.
   */
  seed?: number | bigint
  /** Return log-probabilities with this many alternatives a token, 0 … 20. Default: none. */
  logprobs?: number
  /** Text that ends the answer and is left out of it; at most 16 of 1 KiB. */
  stop?: string | readonly string[]
  /** Ids that end the answer, next to the model's own; at most 128. */
  stopTokenIds?: readonly number[]
  /** What the answer must match, token by token; see {@link StructuredOptions}. */
  structured?: StructuredOptions
  /** Go on past the model's end-of-text ids. Default false. */
  ignoreEos?: boolean
  /**
   * Edits the logits of each new token before everything else looks at them: `logits` (vocab_size)
   * f32 is native memory, not a copy; `tokenIds` is prompt and answer so far; both are valid during
   * the call. It runs on the event loop between two steps, and each step of the whole batch then
   * waits for JavaScript: bench/README.md has the cost. What it throws ends this request alone.
   */
  logitsProcessor?: LogitsProcessor
  /** Stops the work within one step; the result then says `finishReason: 'aborted'`. */
  signal?: AbortSignal
}

/** Changes `logits` in place; what it returns is not looked at. */
export type LogitsProcessor = (logits: Float32Array, tokenIds: Int32Array) => void

/** Names that `generate` takes. */
export const generateOptionNames = [
  'maxTokens',
  'minTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'logitBias',
  'seed',
  'logprobs',
  'stop',
  'stopTokenIds',
  'structured',
  'ignoreEos',
  'logitsProcessor',
  'signal',
] as const satisfies readonly (keyof GenerateOptions)[]

/**
 * What the model's own `generation_config.json` says; a temperature left out is 1, 0 where it does
 * not sample.
 */
export interface SamplingDefaults {
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  /** Ids that end an answer. */
  readonly eosTokenIds: readonly number[]
}

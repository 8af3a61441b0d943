/**
 * One request's tokens and what of them lies in the KV cache.
 * @module
 */

/**
 * waiting → running → finished; an abort may come at any point.
 * A finished sequence whose step is still running gives its pages back when that step ends.
 */
export type SequenceState = 'waiting' | 'running' | 'finished'

/**
 * What its steps give: a token where its end is reached, or for every token of the prompt the
 * logits or the experts chosen, with nothing sampled.
 */
export type SequenceOutput = 'token' | 'logits' | 'routes'

export interface SequenceOptions {
  id: number
  promptIds: ArrayLike<number>
  /** Most tokens that will be generated; 0: the prompt alone is run, for its logits. */
  maxTokens: number
  wants?: SequenceOutput
}

/** Prompt and answer as one line of tokens; the first `numComputed` of them are in the cache. */
export class Sequence {
  readonly id: number
  readonly numPromptTokens: number
  readonly maxTokens: number
  readonly wants: SequenceOutput
  state: SequenceState = 'waiting'
  /** Tokens whose keys and values are in the cache. */
  numComputed = 0
  /** Page i holds tokens i · pageSize … of the line. */
  pages: number[] = []
  /** True while a step that reads its pages is running. */
  inFlight = false
  /** Native sampler; −1: none is open. */
  sampler = -1
  #tokens: Int32Array
  #length: number

  constructor({ id, promptIds, maxTokens, wants = 'token' }: SequenceOptions) {
    this.id = id
    this.numPromptTokens = promptIds.length
    this.maxTokens = maxTokens
    this.wants = wants
    this.#tokens = Int32Array.from(promptIds)
    this.#length = promptIds.length
  }

  get length(): number {
    return this.#length
  }

  get numGenerated(): number {
    return this.#length - this.numPromptTokens
  }

  /** Tokens that the cache will hold at most: the last one generated is never run. */
  get maxCached(): number {
    return this.numPromptTokens + Math.max(0, this.maxTokens - 1)
  }

  /** Tokens not yet in the cache. */
  get numPending(): number {
    return this.#length - this.numComputed
  }

  /** True while more than one token is pending, or the prompt is not done. */
  get isPrefill(): boolean {
    return this.numComputed < this.numPromptTokens
  }

  append(tokenId: number): void {
    if (this.#length === this.#tokens.length) {
      const grown = new Int32Array(Math.max(16, this.#length * 2))
      grown.set(this.#tokens)
      this.#tokens = grown
    }
    this.#tokens[this.#length++] = tokenId
  }

  /** Cuts the line back to `length` tokens; what the cache holds beyond it is forgotten. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length)
    this.numComputed = Math.min(this.numComputed, length)
  }

  /** A view of tokens `start` … `end`; valid until the next append. */
  tokens(start = 0, end = this.#length): Int32Array {
    return this.#tokens.subarray(start, Math.min(end, this.#length))
  }
}

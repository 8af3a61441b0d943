/**
 * One request's tokens and what of them lies in the KV cache.
 * @module
 */

/**
 * waiting → running → finished, and back from running to waiting where its pages were taken for
 * another; an abort may come at any point, with steps of it in flight or not.
 */
export type SequenceState = 'waiting' | 'running' | 'finished'

/**
 * What its steps give: a token where its end is reached, or for every token of the prompt the
 * logits, the hidden state or the experts chosen, with nothing sampled.
 */
export type SequenceOutput = 'token' | 'logits' | 'hidden' | 'routes'

export interface SequenceOptions {
  id: number
  promptIds: ArrayLike<number>
  /** Most tokens that will be generated; 0: the prompt alone is run, for its logits. */
  maxTokens: number
  wants?: SequenceOutput
  /** Whole number; higher goes first. Default 0. */
  priority?: number
  /** Who may share pages with it: sequences of the same salt. Default: none. */
  cacheSalt?: string | undefined
  /** True: its logits come here before they are sampled. Default false. */
  editsLogits?: boolean
  /** True: its steps tell which experts its tokens were sent to. Default false. */
  tracesRoutes?: boolean
}

/** Tokens of the answer that have room without growing. */
const firstRoom = 16

/** Prompt and answer as one line of tokens; the first `numComputed` of them are in the cache. */
export class Sequence {
  readonly id: number
  readonly numPromptTokens: number
  readonly maxTokens: number
  readonly wants: SequenceOutput
  readonly priority: number
  readonly cacheSalt: string | undefined
  readonly editsLogits: boolean
  readonly tracesRoutes: boolean
  state: SequenceState = 'waiting'
  /**
   * Tokens whose keys and values are in the cache once the steps in flight are over; later steps
   * may count on them, as steps run in order.
   */
  numComputed = 0
  /** Tokens that steps in flight sample: part of the line, but not known here yet. */
  numUnknown = 0
  /** Page i holds tokens i · pageSize … of the line. */
  pages: number[] = []
  /** Prompt tokens found in the cache when it was first admitted. */
  numCached = 0
  /** Times that its pages were taken for another. */
  numPreempted = 0
  /** Its tokens took several steps since it was admitted, to the last of them. */
  isLong = false
  /** Later arrivals that were admitted before it while it waited. */
  numOvertaken = 0
  /** Native sampler; −1: none is open. */
  sampler = -1
  /** Row of the last step in which it was sampled. */
  row = -1
  #tokens: Int32Array
  #length: number

  constructor(options: SequenceOptions) {
    const { id, promptIds, maxTokens, wants = 'token', priority = 0 } = options
    this.id = id
    this.priority = priority
    this.cacheSalt = wants === 'token' ? options.cacheSalt : undefined
    this.numPromptTokens = promptIds.length
    this.maxTokens = maxTokens
    this.editsLogits = options.editsLogits ?? false
    this.tracesRoutes = options.tracesRoutes ?? false
    this.wants = wants
    this.#tokens = new Int32Array(promptIds.length + Math.min(options.maxTokens, firstRoom))
    this.#tokens.set(promptIds)
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

  /** Tokens that steps have still to run, unknown ones among them. */
  get numPending(): number {
    return this.isSpent ? 0 : this.#length + this.numUnknown - this.numComputed
  }

  /** Every token that it may generate is known or on its way. */
  get isSpent(): boolean {
    return this.wants === 'token' && this.numGenerated + this.numUnknown >= this.maxTokens
  }

  /** Tokens that need pages now. */
  get numHeld(): number {
    return Math.min(this.#length + this.numUnknown, this.maxCached)
  }

  /** True while the prompt, or what a preemption took, is not computed again. */
  get isPrefill(): boolean {
    return this.numComputed < this.numPromptTokens || this.numPending > 1
  }

  append(tokenId: number): void {
    if (this.#length === this.#tokens.length) {
      const grown = new Int32Array(Math.max(16, this.#length * 2))
      grown.set(this.#tokens)
      this.#tokens = grown
    }
    this.#tokens[this.#length++] = tokenId
  }

  /** 0 where it is not known yet. */
  tokenAt(index: number): number {
    return index < this.#length ? this.#tokens[index]! : 0
  }

  /** A view of tokens `start` … `end`; valid until the next append. */
  tokens(start = 0, end = this.#length): Int32Array {
    return this.#tokens.subarray(start, Math.min(end, this.#length))
  }
}

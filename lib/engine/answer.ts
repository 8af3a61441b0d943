/**
 * Sampled tokens → chunks of text: whole characters only, ended by ids, stop strings or length.
 * @module
 */
import type { SamplingParams } from '../sampling/params.ts'
import { StopMatcher } from '../sampling/stop-strings.ts'
import { Detokenizer } from '../tokenizer/detokenizer.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { RankedToken } from './model-runner.ts'
import type { FinishReason } from './request.ts'

/** A token, its text alone, and its log-probability before temperature (natural logarithm). */
export interface TokenLogprob {
  tokenId: number
  text: string
  logprob: number
}

export interface ChosenLogprob extends TokenLogprob {
  /** The best tokens at this place, best first. */
  top: TokenLogprob[]
}

/** A piece of an answer. Joined, the chunks are the result. */
export interface GenerationChunk {
  /** Which of several answers, from 0; only where an engine was asked for `n` above 1. */
  index?: number
  /** Whole characters; '' where the model has no tokenizer, or the ids added none. */
  text: string
  /** The ids behind `text`, with those that were held back for a character or a stop string. */
  tokenIds: number[]
  /** One entry for each id, where `logprobs` was asked for. */
  logprobs?: ChosenLogprob[]
}

export class Answer {
  readonly #params: SamplingParams
  readonly #tokenizer: Tokenizer | null
  readonly #detokenizer: Detokenizer | null
  readonly #stops: StopMatcher
  #numTokens = 0
  #pending: GenerationChunk

  constructor(params: SamplingParams, tokenizer: Tokenizer | null) {
    this.#params = params
    this.#tokenizer = tokenizer
    this.#detokenizer = tokenizer === null ? null : new Detokenizer(tokenizer)
    this.#stops = new StopMatcher(params.stop)
    this.#pending = this.#emptyChunk()
  }

  get numTokens(): number {
    return this.#numTokens
  }

  /** Adds a token. The id that ends an answer counts as one of its tokens but adds no text. */
  push(tokenId: number, logprob: number, top: RankedToken[]): FinishReason | undefined {
    this.#numTokens++
    this.#pending.tokenIds.push(tokenId)
    this.#pending.logprobs?.push({
      ...this.#ranked({ tokenId, logprob }),
      top: top.slice(0, this.#params.logprobs).map(token => this.#ranked(token)),
    })
    if (this.#params.endTokenIds.has(tokenId)) return 'stop'
    if (this.#detokenizer !== null) this.#addText(this.#detokenizer.push(tokenId))
    if (this.#stops.stopped) return 'stop'
    return this.#numTokens >= this.#params.maxTokens ? 'length' : undefined
  }

  /** What is ready to show, if anything. */
  take(): GenerationChunk | undefined {
    const ready =
      this.#detokenizer === null ? this.#pending.tokenIds.length > 0 : this.#pending.text
    return ready ? this.#takePending() : undefined
  }

  /** What was held back, once the answer is over. */
  finish(): GenerationChunk | undefined {
    if (this.#detokenizer !== null) this.#addText(this.#detokenizer.finish())
    this.#pending.text += this.#stops.finish()
    return this.#pending.tokenIds.length > 0 || this.#pending.text !== ''
      ? this.#takePending()
      : undefined
  }

  #addText(text: string): void {
    const mayStop = this.#numTokens > this.#params.minTokens
    this.#pending.text += mayStop ? this.#stops.push(text) : text
  }

  #takePending(): GenerationChunk {
    const chunk = this.#pending
    this.#pending = this.#emptyChunk()
    return chunk
  }

  #emptyChunk(): GenerationChunk {
    const chunk: GenerationChunk = { text: '', tokenIds: [] }
    if (this.#params.logprobs >= 0) chunk.logprobs = []
    return chunk
  }

  #ranked({ tokenId, logprob }: RankedToken): TokenLogprob {
    const text = this.#tokenizer?.decode([tokenId], { skipSpecialTokens: false }) ?? ''
    return { tokenId, text, logprob }
  }
}

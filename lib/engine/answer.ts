/**
 * Sampled tokens → chunks of text: whole characters only, ended by ids, stop strings or length.
 * @module
 */
import type { GuardMatch } from '../guard/guard.ts'
import type { SamplingParams } from '../sampling/params.ts'
import { StopMatcher } from '../sampling/stop-strings.ts'
import { Detokenizer } from '../tokenizer/detokenizer.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { AnswerGuard } from './answer-guard.ts'
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
  /**
   * The ids behind `text`, with those that were held back for a character or a stop string; with a
   * guard, without those of which it hid a part. [] where `text` is the rest of an earlier id: the
   * last chunk of an answer that ends within a character.
   */
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
  readonly #guard: AnswerGuard | undefined
  #pending: GenerationChunk

  /** Without a tokenizer there is no text that a guard could look at. */
  constructor(params: SamplingParams, tokenizer: Tokenizer | null, guard?: AnswerGuard) {
    this.#params = params
    this.#tokenizer = tokenizer
    this.#detokenizer = tokenizer === null ? null : new Detokenizer(tokenizer)
    this.#stops = new StopMatcher(params.stop)
    this.#guard = guard
    this.#pending = this.#emptyChunk()
  }

  /** The guard ended it. */
  get blocked(): boolean {
    return this.#guard?.blocked === true
  }

  /** What the guard found. */
  get matches(): readonly GuardMatch[] {
    return this.#guard?.matches ?? []
  }

  get numTokens(): number {
    return this.#numTokens
  }

  /** Adds a token. The id that ends an answer counts as one of its tokens but adds no text. */
  push(tokenId: number, logprob: number, top: RankedToken[]): FinishReason | undefined {
    this.#numTokens++
    this.#addToken(tokenId, logprob, top)
    if (this.#params.endTokenIds.has(tokenId)) return 'stop'
    if (this.#detokenizer !== null) this.#addText(this.#detokenizer.push(tokenId))
    if (this.blocked) return 'content_filter'
    if (this.#stops.stopped) return 'stop'
    return this.#numTokens >= this.#params.maxTokens ? 'length' : undefined
  }

  /** What is ready to show, if anything. */
  take(): GenerationChunk | undefined {
    if (this.#pending.text !== '') this.#takeReleased()
    const ready =
      this.#detokenizer === null ? this.#pending.tokenIds.length > 0 : this.#pending.text
    return ready ? this.#takePending() : undefined
  }

  /** What was held back, once the answer is over. */
  finish(): GenerationChunk | undefined {
    if (this.#detokenizer !== null) this.#addText(this.#detokenizer.finish())
    this.#addShown(this.#stops.finish())
    if (this.#guard !== undefined) this.#pending.text += this.#guard.end()
    this.#takeReleased()
    return this.#pending.tokenIds.length > 0 || this.#pending.text !== ''
      ? this.#takePending()
      : undefined
  }

  #addToken(tokenId: number, logprob: number, top: RankedToken[]): void {
    const shown = this.#pending.logprobs && {
      ...this.#ranked({ tokenId, logprob }),
      top: top.slice(0, this.#params.logprobs).map(token => this.#ranked(token)),
    }
    if (this.#guard !== undefined) {
      this.#guard.hold(tokenId, shown)
      return
    }
    this.#pending.tokenIds.push(tokenId)
    if (shown !== undefined) this.#pending.logprobs!.push(shown)
  }

  #addText(text: string): void {
    this.#guard?.spell(text.length)
    const mayStop = this.#numTokens > this.#params.minTokens
    this.#addShown(mayStop ? this.#stops.push(text) : text)
  }

  #addShown(text: string): void {
    this.#pending.text += this.#guard === undefined ? text : this.#guard.push(text)
  }

  #takeReleased(): void {
    if (this.#guard === undefined) return
    const { tokenIds, logprobs } = this.#guard.take()
    this.#pending.tokenIds.push(...tokenIds)
    this.#pending.logprobs?.push(...logprobs)
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

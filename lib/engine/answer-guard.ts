/**
 * Between sampled tokens and whoever reads: text leaves through the guard, and an id leaves once
 * its text has, unless a mask hides a part of it.
 * @module
 */
import type { GuardMatch } from '../guard/guard.ts'
import type { GuardedText } from '../guard/guarded-text.ts'
import type { ChosenLogprob } from './answer.ts'

interface HeldToken {
  tokenId: number
  logprob: ChosenLogprob | undefined
  /** Stretch of the answer's text; `end` is NaN until the token's characters are whole. */
  start: number
  end: number
}

export class AnswerGuard {
  readonly #text: GuardedText
  #held: HeldToken[] = []
  /** Characters of the answer so far, those that may become a stop string included. */
  #length = 0

  constructor(text: GuardedText) {
    this.#text = text
  }

  /** The guard ended the answer. */
  get blocked(): boolean {
    return this.#text.blocked
  }

  get matches(): readonly GuardMatch[] {
    return this.#text.matches
  }

  hold(tokenId: number, logprob: ChosenLogprob | undefined): void {
    this.#held.push({ tokenId, logprob, start: this.#length, end: Number.NaN })
  }

  /** The tokens held so far stand for `length` more characters. */
  spell(length: number): void {
    this.#length += length
    if (length > 0) this.#close()
  }

  push(text: string): string {
    return this.#text.push(text)
  }

  end(): string {
    this.#close()
    return this.#text.end()
  }

  #close(): void {
    for (let i = this.#held.length - 1; i >= 0 && Number.isNaN(this.#held[i]!.end); i--)
      this.#held[i]!.end = this.#length
  }

  /** The tokens whose text has left whole. */
  take(): { tokenIds: number[]; logprobs: ChosenLogprob[] } {
    const { released } = this.#text
    const tokenIds: number[] = []
    const logprobs: ChosenLogprob[] = []
    let count = 0
    for (; count < this.#held.length; count++) {
      const { tokenId, logprob, start, end } = this.#held[count]!
      if (!(end <= released)) break
      if (this.#text.hides(start, end)) continue
      tokenIds.push(tokenId)
      if (logprob !== undefined) logprobs.push(logprob)
    }
    this.#held.splice(0, count)
    return { tokenIds, logprobs }
  }
}

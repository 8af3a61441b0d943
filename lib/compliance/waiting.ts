/**
 * Texts that wait for their turn to be examined: one at a time, and no more than fit.
 * @module
 */
import { z } from 'zod'
import { nextTurn } from '../slices.ts'
import { checked } from './rule-book.ts'

/** How much may wait, the text in work included. */
export interface WaitingBounds {
  /** Default 1,000. */
  texts?: number
  /** UTF-16 units of all texts together. Default 33,554,432, which take at most 64 MiB. */
  characters?: number
}

const bound = z.int().min(1).optional()
const boundsSchema = z.strictObject({ texts: bound, characters: bound })

/** Throws `invalid_request`. */
export const checkBounds = (value: unknown): WaitingBounds =>
  checked(boundsSchema, value, 'bounds of what waits') as WaitingBounds

/** Work on texts, one after the other. */
export class Waiting {
  readonly #most: Required<WaitingBounds>
  #texts = 0
  #characters = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor({ texts = 1000, characters = 1 << 25 }: WaitingBounds = {}) {
    this.#most = { texts, characters }
  }

  /** Texts that wait or are in work. */
  get texts(): number {
    return this.#texts
  }

  /**
   * Does `work` on a text of so many characters behind all that waits, also where that fails.
   * Undefined where there is no room for it; a text alone has room however long it is.
   */
  enter<T>(characters: number, work: () => Promise<T>): Promise<T> | undefined {
    const { texts, characters: most } = this.#most
    const isFull = this.#texts >= texts || this.#characters + characters > most
    if (this.#texts > 0 && isFull) return undefined
    this.#texts++
    this.#characters += characters
    // A turn later: what the customer asked for goes first.
    const done = this.#last
      .then(nextTurn)
      .then(work)
      .finally(() => {
        this.#texts--
        this.#characters -= characters
      })
    this.#last = done.catch(() => {})
    return done
  }
}

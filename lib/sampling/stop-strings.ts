/**
 * Finds stop strings in streamed text and holds back what may still become one.
 * @module
 */

/**
 * Pieces of text in, text that is safe to show out: no part of a stop string ever leaves, wherever
 * tokens cut it. Of several matches the one that is complete first wins, of those the longest, so
 * pieces do not change the answer.
 * @example
 * const matcher = new StopMatcher(['END'])
 * matcher.push('one E') // 'one '
 * matcher.push('ND two') // '' and matcher.stopped is true
 */
export class StopMatcher {
  readonly #stops: readonly string[]
  readonly #longest: number
  #held = ''
  #stopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
    this.#longest = stops.reduce((most, stop) => Math.max(most, stop.length), 0)
  }

  /** True once a stop string is complete; what comes after it is dropped. */
  get stopped(): boolean {
    return this.#stopped
  }

  push(piece: string): string {
    if (this.#stopped) return ''
    const text = this.#held + piece
    const cut = this.#firstMatch(text)
    if (cut >= 0) {
      this.#stopped = true
      this.#held = ''
      return text.slice(0, cut)
    }
    const start = this.#holdFrom(text)
    this.#held = text.slice(start)
    return text.slice(0, start)
  }

  /** The text held back, once no more can follow. */
  finish(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  #firstMatch(text: string): number {
    let start = -1
    let end = Number.POSITIVE_INFINITY
    for (const stop of this.#stops) {
      const at = text.indexOf(stop)
      if (at < 0 || at + stop.length > end) continue
      if (at + stop.length < end || at < start) start = at
      end = at + stop.length
    }
    return start
  }

  /** Start of the longest ending of `text` that begins a stop string. */
  #holdFrom(text: string): number {
    for (let start = Math.max(0, text.length - this.#longest + 1); start < text.length; start++) {
      const ending = text.slice(start)
      if (this.#stops.some(stop => stop.startsWith(ending))) return start
    }
    return text.length
  }
}

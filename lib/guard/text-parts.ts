/**
 * Several texts that are read as one: what stands in two of them is masked in both.
 * @module
 */
import type { Filter, Pieces } from './filter.ts'

/** The parts of a text; a mask stands in the part where its match begins. */
export class TextParts implements Pieces {
  readonly texts: string[]
  readonly #parts: readonly string[]
  /** Offset of each part in the whole. */
  readonly #starts: number[]
  #hides = false

  constructor(parts: readonly string[]) {
    this.#parts = parts
    this.texts = parts.map(() => '')
    let start = 0
    this.#starts = parts.map(part => {
      const at = start
      start += part.length
      return at
    })
  }

  /** True where the texts are no longer those that came. */
  pass(filter: Filter): boolean {
    filter.writeWith(this)
    filter.push(this.#parts.join(''))
    filter.end()
    return this.#hides
  }

  /** As `Pieces` has it. */
  plain(text: string, from: number): string {
    for (let i = this.#partAt(from), at = 0; at < text.length; i++) {
      const end = Math.min(text.length, this.#starts[i]! + this.#parts[i]!.length - from)
      this.texts[i] += text.slice(at, end)
      at = end
    }
    return ''
  }

  /** As `Pieces` has it. */
  masked(_text: string, from: number, mask: string): string {
    this.#hides = true
    this.texts[this.#partAt(from)] += mask
    return ''
  }

  /** As `Pieces` has it. */
  cut(): void {
    this.#hides = true
  }

  /** The part in which offset `at` lies; parts without text hold none. */
  #partAt(at: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}

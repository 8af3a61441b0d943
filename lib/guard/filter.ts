/**
 * One text on its way through the guard.
 * @module
 */

import type { Masking } from './masking.ts'
import type { Treatments } from './policy.ts'
import { type Decided, resolve } from './resolve.ts'
import type { Scanner } from './scanner.ts'

/** Writes stretches of the text; offsets are UTF-16 units of the whole input. */
export interface Pieces {
  /** `text`, which starts at `from`, as it leaves. */
  plain(text: string, from: number): string
  /** What leaves in its place. */
  masked(text: string, from: number, mask: string): string
  /** A match from `from` to `to` ended the text. */
  cut(from: number, to: number): void
}

const nothing: readonly Decided[] = []

const asTheyAre: Pieces = {
  plain: text => text,
  masked: (_text, _from, mask) => mask,
  cut() {},
}

/** Takes chunks, gives what may leave. Whatever the chunks, the sum is the same. */
export class Filter {
  readonly #scanner: Scanner
  readonly #treatments: Treatments
  readonly #masking: Masking
  readonly #onMatch: (match: Decided) => void
  /** Offset up to which text has left. */
  #left = 0
  #come = 0
  #pieces = asTheyAre
  /** Every match so far. */
  readonly matches: Decided[] = []
  /** True once a match was found that ends the text. */
  blocked = false

  constructor(
    scanner: Scanner,
    treatments: Treatments,
    masking: Masking,
    onMatch: (match: Decided) => void,
  ) {
    this.#scanner = scanner
    this.#treatments = treatments
    this.#masking = masking
    this.#onMatch = onMatch
  }

  /** Characters that came and have not left. */
  get held(): number {
    return this.blocked ? 0 : this.#come - this.#left
  }

  /** Offset up to which text has left or was masked. */
  get left(): number {
    return this.#left
  }

  /** Has another write what leaves. */
  writeWith(pieces: Pieces): void {
    this.#pieces = pieces
  }

  /** Gives what may leave now that `chunk` has come. */
  push(chunk: string): string {
    return this.#pass(chunk, false)
  }

  /** Gives the rest: nothing follows. */
  end(): string {
    return this.#pass('', true)
  }

  #pass(chunk: string, final: boolean): string {
    if (this.blocked) return ''
    this.#come += chunk.length
    this.#scanner.push(chunk, final)
    const settled = this.#scanner.settled()
    const out = this.#write(this.#decided(settled), settled)
    this.#scanner.forget(this.#left)
    return out
  }

  /** The finds that end by `settled`, with what the policy wants done. */
  #decided(settled: number): readonly Decided[] {
    const found = this.#scanner.takeFound(settled)
    if (found.length === 0) return nothing
    return resolve(
      found.map(one => ({ ...one, action: this.#treatments.get(one.category)!.action })),
    )
  }

  #write(found: readonly Decided[], settled: number): string {
    if (found.length === 0) {
      const from = this.#left
      if (settled <= from) return ''
      this.#left = settled
      return this.#plain(from, settled)
    }
    const pieces: string[] = []
    for (const match of found) {
      this.matches.push(match)
      this.#onMatch(match)
      if (match.action === 'score') continue
      pieces.push(this.#plain(this.#left, match.start))
      this.#left = match.end
      if (match.action === 'block') {
        this.blocked = true
        this.#pieces.cut(match.start, match.end)
        return pieces.join('')
      }
      const { style } = this.#treatments.get(match.category)!
      const text = this.#scanner.slice(match.start, match.end)
      const mask = this.#masking.write(match.category, style, text)
      pieces.push(this.#pieces.masked(text, match.start, mask))
    }
    if (settled > this.#left) pieces.push(this.#plain(this.#left, settled))
    this.#left = Math.max(this.#left, settled)
    return pieces.join('')
  }

  #plain(from: number, to: number): string {
    return from < to ? this.#pieces.plain(this.#scanner.slice(from, to), from) : ''
  }
}

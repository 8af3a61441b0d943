/**
 * One text on its way through the guard.
 * @module
 */

import type { Masking } from './masking.ts'
import type { CheckedPolicy } from './policy.ts'
import { type Decided, resolve } from './resolve.ts'
import type { Scanner } from './scanner.ts'

/** Takes chunks, gives what may leave. Whatever the chunks, the sum is the same. */
export class Filter {
  readonly #scanner: Scanner
  readonly #policy: CheckedPolicy
  readonly #masking: Masking
  /** Offset up to which text has left. */
  #left = 0
  #come = 0
  /** Every match so far. */
  readonly matches: Decided[] = []
  /** True once a match was found that ends the text. */
  blocked = false

  constructor(scanner: Scanner, policy: CheckedPolicy, masking: Masking) {
    this.#scanner = scanner
    this.#policy = policy
    this.#masking = masking
  }

  /** Characters that came and have not left. */
  get held(): number {
    return this.blocked ? 0 : this.#come - this.#left
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
    const found = resolve(
      this.#scanner.takeFound(settled).map(one => ({
        ...one,
        action: this.#policy.treatments.get(one.category)!.action,
      })),
    )
    const out = this.#write(found, settled)
    this.#scanner.forget(this.#left)
    return out
  }

  #write(found: Decided[], settled: number): string {
    const pieces: string[] = []
    for (const match of found) {
      this.matches.push(match)
      if (match.action === 'score') continue
      pieces.push(this.#scanner.slice(this.#left, match.start))
      this.#left = match.end
      if (match.action === 'block') {
        this.blocked = true
        return pieces.join('')
      }
      const { style } = this.#policy.treatments.get(match.category)!
      const text = this.#scanner.slice(match.start, match.end)
      pieces.push(this.#masking.write(match.category, style, text))
    }
    if (settled > this.#left) pieces.push(this.#scanner.slice(this.#left, settled))
    this.#left = Math.max(this.#left, settled)
    return pieces.length === 1 ? pieces[0]! : pieces.join('')
  }
}

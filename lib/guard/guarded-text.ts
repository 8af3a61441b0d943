/**
 * What a model writes or is told: prose, and JSON in it that stays valid under every mask.
 * @module
 */
import type { Filter, Pieces } from './filter.ts'
import { JsonReader, Part, type Run } from './json-reader.ts'
import type { Decided } from './resolve.ts'

/** A stretch of what came in, in UTF-16 units. */
interface Stretch {
  readonly start: number
  readonly end: number
}

/**
 * Reads JSON where the text begins with it, or where a tool call holds it: escapes are seen
 * through, a mask stays within its string, and a number becomes 0.
 */
export class GuardedText implements Pieces {
  readonly #filter: Filter
  readonly #reader = new JsonReader()
  readonly #runs: Run[] = []
  readonly #hidden: Stretch[] = []

  constructor(filter: Filter) {
    this.#filter = filter
    filter.writeWith(this)
  }

  get blocked(): boolean {
    return this.#filter.blocked
  }

  get matches(): readonly Decided[] {
    return this.#filter.matches
  }

  /** Offset in what came in, up to which it has left or was masked. */
  get released(): number {
    return this.#rawOffset(this.#filter.left)
  }

  /** Gives what may leave now that `text` has come. */
  push(text: string): string {
    return this.#filter.push(this.#reader.read(text, this.#runs))
  }

  /** Gives the rest: nothing follows. */
  end(): string {
    const rest = this.#reader.end(this.#runs)
    return (rest === '' ? '' : this.#filter.push(rest)) + this.#filter.end()
  }

  /** True where a part of `start` … `end` of what came in was masked or blocked. */
  hides(start: number, end: number): boolean {
    if (this.#hidden.length === 0) return false
    return this.#hidden.some(one => one.start < end && start < one.end)
  }

  /** As `Pieces` has it. */
  plain(text: string, from: number): string {
    return this.#write(text, from, (run, part) => run.raw ?? part)
  }

  /** As `Pieces` has it. */
  masked(text: string, from: number, mask: string): string {
    this.#hide(from, from + text.length)
    let left = mask
    return this.#write(text, from, (run, part) => {
      if (run.part === Part.Structure) return part.replace(/[0-9]+/g, '0')
      const written = run.part === Part.String ? JSON.stringify(left).slice(1, -1) : left
      left = ''
      return written
    })
  }

  /** As `Pieces` has it. */
  cut(from: number, to: number): void {
    this.#hide(from, to)
  }

  #hide(from: number, to: number): void {
    this.#hidden.push({ start: this.#rawOffset(from), end: this.#rawOffset(to) })
  }

  /** Calls `write` for each run of the stretch of `text`, which starts at offset `from`. */
  #write(text: string, from: number, write: (run: Run, part: string) => string): string {
    const runs = this.#runs
    let out = ''
    let i = 0
    while (i < runs.length && runs[i]!.end <= from) i++
    // What lies before has left for good; one run is kept to count on from.
    if (i > 1) runs.splice(0, i - 1)
    const end = from + text.length
    for (const run of runs) {
      if (run.start >= end) break
      if (run.end <= from) continue
      const part = text.slice(Math.max(run.start, from) - from, Math.min(run.end, end) - from)
      out += write(run, part)
    }
    return out
  }

  #rawOffset(offset: number): number {
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!
      if (run.start > offset || (run.start === offset && i > 0)) continue
      if (offset >= run.end) return run.rawEnd
      return run.raw === undefined ? run.rawEnd - (run.end - offset) : run.rawEnd - run.raw.length
    }
    return 0
  }
}

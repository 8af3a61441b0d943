/**
 * Registered documents: a passage of at least twenty words is recognised, however it is spaced.
 *
 * A suffix automaton over hashes of words: after each word it knows the longest run of words up
 * to there that stands in a document, so nothing is held back that could not become a passage.
 * The text of the documents is not kept.
 * @module
 */
import { ALNUM, classOf, foldOf, HAN, INVISIBLE, lowerOf, OTHER_LETTER } from './characters.ts'
import type { Found, Tracker } from './scanner.ts'

/** A Han character counts as a word. */
const leastWords = 20
const ringSize = 64

/** FNV-1a, kept to 31 bits. */
const hashStart = 0x11c9dc5
const hashStep = (hash: number, unit: number): number =>
  Math.imul(hash ^ unit, 0x01000193) & 0x7fffffff

enum Kind {
  Gap,
  Part,
  Whole,
}

/** Is a unit outside words, part of one, or a word of its own? Invisible ones are part of a gap. */
function kindOf(unit: number): Kind {
  const bits = classOf(unit)
  if (bits & (ALNUM | OTHER_LETTER)) return Kind.Part
  return bits & HAN || (unit >= 0x3040 && unit <= 0x30ff) ? Kind.Whole : Kind.Gap
}

/** Cuts a text into hashes of words. */
class Words {
  #hash = 0
  start = -1
  end = 0

  /** Tells `emit` of each word that `unit` at `offset` completes. */
  add(unit: number, offset: number, emit: (hash: number, start: number, end: number) => void) {
    if (classOf(unit) & INVISIBLE) return
    const kind = kindOf(unit)
    if (kind === Kind.Part) {
      if (this.start < 0) {
        this.start = offset
        this.#hash = hashStart
      }
      this.#hash = hashStep(this.#hash, lowerOf(foldOf(unit)))
      this.end = offset + 1
      return
    }
    this.flush(emit)
    if (kind === Kind.Whole) emit(hashStep(hashStart, unit), offset, offset + 1)
  }

  /** Completes the word that is open. */
  flush(emit: (hash: number, start: number, end: number) => void) {
    if (this.start < 0) return
    const { start } = this
    this.start = -1
    emit(this.#hash, start, this.end)
  }
}

/** Every document of a guard in one automaton; shared by every text. */
export class DocumentIndex {
  readonly #next: Map<number, number>[] = [new Map()]
  readonly #length: number[] = [0]
  readonly #link: number[] = [-1]

  constructor(documents: readonly string[]) {
    for (const document of documents) {
      let last = 0
      const words = new Words()
      const add = (hash: number) => {
        last = this.#extend(last, hash)
      }
      for (let i = 0; i < document.length; i++) words.add(document.charCodeAt(i), i, add)
      words.flush(add)
    }
  }

  #state(length: number, next: Map<number, number>, link: number): number {
    this.#length.push(length)
    this.#next.push(next)
    this.#link.push(link)
    return this.#length.length - 1
  }

  #extend(last: number, word: number): number {
    const known = this.#next[last]!.get(word)
    if (known !== undefined) {
      if (this.#length[known] === this.#length[last]! + 1) return known
      return this.#split(last, known, word)
    }
    const state = this.#state(this.#length[last]! + 1, new Map(), 0)
    let at = last
    while (at >= 0 && !this.#next[at]!.has(word)) {
      this.#next[at]!.set(word, state)
      at = this.#link[at]!
    }
    if (at >= 0) {
      const target = this.#next[at]!.get(word)!
      this.#link[state] =
        this.#length[target] === this.#length[at]! + 1 ? target : this.#split(at, target, word)
    }
    return state
  }

  /** A copy of `target` for the shorter runs that end in `word`. */
  #split(from: number, target: number, word: number): number {
    const copy = this.#state(
      this.#length[from]! + 1,
      new Map(this.#next[target]!),
      this.#link[target]!,
    )
    this.#link[target] = copy
    let at = from
    while (at >= 0 && this.#next[at]!.get(word) === target) {
      this.#next[at]!.set(word, copy)
      at = this.#link[at]!
    }
    return copy
  }

  /** The state and the number of words after one more word. */
  follow(state: number, length: number, word: number): [number, number] {
    let at = state
    let known = length
    while (at > 0 && !this.#next[at]!.has(word)) {
      at = this.#link[at]!
      known = this.#length[at]!
    }
    const next = this.#next[at]!.get(word)
    return next === undefined ? [0, 0] : [next, known + 1]
  }

  /** A reader of one text. */
  tracker(): Tracker {
    return new DocumentTracker(this)
  }
}

class DocumentTracker implements Tracker {
  readonly #index: DocumentIndex
  readonly #words = new Words()
  readonly #starts = new Float64Array(ringSize)
  #count = 0
  #state = 0
  #length = 0
  #runStart = 0
  #passage: { start: number; end: number } | undefined
  #offset = 0

  constructor(index: DocumentIndex) {
    this.#index = index
  }

  read(text: string, from: number, base: number, final: boolean, found: Found[]): void {
    const emit = (hash: number, start: number, end: number) => this.#word(hash, start, end, found)
    for (let i = from; i < text.length; i++) this.#words.add(text.charCodeAt(i), base + i, emit)
    this.#offset = base + text.length
    if (!final) return
    this.#words.flush(emit)
    this.#close(found)
    this.#length = 0
  }

  #word(hash: number, start: number, end: number, found: Found[]): void {
    this.#starts[this.#count++ & (ringSize - 1)] = start
    const [state, length] = this.#index.follow(this.#state, this.#length, hash)
    // A run that grows keeps its start; a cut one starts at one of the last words.
    if (length !== this.#length + 1 || length === 1)
      this.#runStart =
        length <= ringSize
          ? this.#starts[(this.#count - length) & (ringSize - 1)]!
          : (this.#passage?.start ?? start)
    this.#state = state
    this.#length = length
    if (length < leastWords) this.#close(found)
    else if (this.#passage === undefined) this.#passage = { start: this.#runStart, end }
    else this.#passage.end = end
  }

  #close(found: Found[]): void {
    if (this.#passage === undefined) return
    found.push({ category: 'document', rule: 'passage', ...this.#passage, score: 1 })
    this.#passage = undefined
  }

  hold(): number {
    let hold = this.#words.start >= 0 ? this.#words.start : this.#offset
    if (this.#length > 0) hold = Math.min(hold, this.#runStart)
    if (this.#passage !== undefined) hold = Math.min(hold, this.#passage.start)
    return hold
  }
}

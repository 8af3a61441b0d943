/**
 * Registered documents: a passage of at least twenty words is recognised, however its letters are
 * spaced: over line breaks and marks, in words that were cut in two or joined.
 *
 * A suffix automaton over letters and digits knows after each of them the longest run up to there
 * that stands in a document, so nothing is held back that could not become a passage.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { ALNUM, classOf, foldOf, HAN, INVISIBLE, lowerOf, OTHER_LETTER } from './characters.ts'
import type { Found, Tracker } from './scanner.ts'
import { SuffixAutomaton } from './suffix-automaton.ts'

/** A Han character counts as a word. */
const leastWords = 20
/** A longer word counts as several, so that a passage is known before the ring is full. */
const longestWord = 64
/** Power of two above (leastWords + 2) · longestWord: where the last letters stood. */
const ringSize = 2048
/** Of all documents; an automaton takes some 110 bytes for each. */
const mostLetters = 10_000_000

enum Kind {
  Gap,
  /** Of a word. */
  Letter,
  /** A word of its own. */
  Word,
}

/** What a unit is. Invisible ones belong to no word and end none. */
function kindOf(unit: number): Kind {
  const bits = classOf(unit)
  if (bits & (ALNUM | OTHER_LETTER)) return Kind.Letter
  return bits & HAN || (unit >= 0x3040 && unit <= 0x30ff) ? Kind.Word : Kind.Gap
}

/** A letter in lower case. */
const symbolOf = (unit: number): number =>
  classOf(unit) & OTHER_LETTER
    ? String.fromCharCode(unit).toLowerCase().charCodeAt(0)
    : lowerOf(foldOf(unit))

/** Every document of a guard in one automaton; shared by every text. */
export class DocumentIndex {
  readonly #automaton: SuffixAutomaton
  /** How many words begin at letters 0 … k − 1, of all documents. */
  readonly #begun: Int32Array
  /** The first letter from k on at which a word begins. */
  readonly #nextStart: Int32Array
  #letters = 0

  /** Throws `invalid_request` for more than ten million letters. */
  constructor(documents: readonly string[]) {
    const total = lettersOf(documents)
    this.#automaton = new SuffixAutomaton(total)
    this.#begun = new Int32Array(total + 2)
    this.#nextStart = new Int32Array(total + 2)
    for (const document of documents) this.#add(document)
    // Behind the last letter a word ends.
    this.#begun[total + 1] = this.#begun[total]! + 1
    this.#nextStart[total] = total
    for (let k = total - 1; k >= 0; k--)
      this.#nextStart[k] = this.#starts(k) ? k : this.#nextStart[k + 1]!
  }

  /** A reader of one text. */
  tracker(): Tracker {
    return new DocumentTracker(this, this.#automaton)
  }

  /**
   * Of a run that ends in `state`: how many letters ago its first whole word began, that letter
   * included; 0 where it has fewer than {@link leastWords} whole words.
   */
  passage(state: number, length: number): number {
    const last = this.#automaton.end(state)
    const first = this.#nextStart[last - length + 1]!
    const words = this.#begun[last + 1]! - this.#begun[first]! - (this.endsWord(state) ? 0 : 1)
    return words < leastWords ? 0 : last - first + 1
  }

  /** True where the run of a state ends with a word of the document. */
  endsWord(state: number): boolean {
    return this.#starts(this.#automaton.end(state) + 1)
  }

  #starts(letter: number): boolean {
    return this.#begun[letter + 1]! > this.#begun[letter]!
  }

  #add(document: string): void {
    this.#automaton.begin()
    let length = 0
    for (let i = 0; i < document.length; i++) {
      const unit = document.charCodeAt(i)
      if (classOf(unit) & INVISIBLE) continue
      const kind = kindOf(unit)
      if (kind === Kind.Gap) length = 0
      else {
        const starts = kind === Kind.Word || length % longestWord === 0
        length = kind === Kind.Word ? 0 : length + 1
        this.#automaton.add(symbolOf(unit))
        this.#begun[this.#letters + 1] = this.#begun[this.#letters]! + (starts ? 1 : 0)
        this.#letters++
      }
    }
  }
}

function lettersOf(documents: readonly string[]): number {
  let total = 0
  for (const document of documents)
    for (let i = 0; i < document.length; i++)
      if (kindOf(document.charCodeAt(i)) !== Kind.Gap) total++
  if (total <= mostLetters) return total
  throw new ConclaveError(
    'invalid_request',
    `Expected documents of at most ${mostLetters} letters together, but got ${total}. Register ` +
      'fewer, or the parts that matter.',
    { path: ['documents'] },
  )
}

class DocumentTracker implements Tracker {
  readonly #index: DocumentIndex
  readonly #automaton: SuffixAutomaton
  readonly #cursor = { state: 0, length: 0 }
  /** Offsets of the last letters. */
  readonly #offsets = new Float64Array(ringSize)
  #count = 0
  #passage: { start: number; end: number } | undefined
  #offset = 0

  constructor(index: DocumentIndex, automaton: SuffixAutomaton) {
    this.#index = index
    this.#automaton = automaton
  }

  read(text: string, from: number, base: number, final: boolean, found: Found[]): void {
    for (let i = from; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (kindOf(unit) !== Kind.Gap) this.#letter(symbolOf(unit), base + i, found)
    }
    this.#offset = base + text.length
    if (!final) return
    this.#close(found)
    this.#cursor.state = this.#cursor.length = 0
  }

  #letter(symbol: number, offset: number, found: Found[]): void {
    this.#offsets[this.#count++ & (ringSize - 1)] = offset
    const cursor = this.#cursor
    this.#automaton.follow(cursor, symbol)
    const letters = this.#index.passage(cursor.state, cursor.length)
    if (letters === 0) {
      this.#close(found)
      return
    }
    this.#passage ??= { start: this.#before(letters), end: offset + 1 }
    if (this.#index.endsWord(cursor.state)) this.#passage.end = offset + 1
  }

  /** Where the letter stood that came so many letters ago. */
  #before(letters: number): number {
    return this.#offsets[(this.#count - letters) & (ringSize - 1)]!
  }

  #close(found: Found[]): void {
    if (this.#passage === undefined) return
    found.push({ category: 'document', rule: 'passage', ...this.#passage, score: 1 })
    this.#passage = undefined
  }

  hold(): number {
    const { length } = this.#cursor
    // A run longer than the ring has been a passage since it was shorter.
    const run = length === 0 || length > ringSize ? this.#offset : this.#before(length)
    return Math.min(run, this.#passage?.start ?? run)
  }
}

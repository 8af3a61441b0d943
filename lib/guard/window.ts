/**
 * The text that rules look at: a little that has left, all that is held back.
 * @module
 */
import { ALNUM, classOf, DIGIT, foldOf, foldText, INVISIBLE } from './characters.ts'
import { CodeReading } from './code-reading.ts'
import { NumberReading } from './number-reading.ts'
import { OPEN, reach } from './rule.ts'

/** Characters whose fold is another. */
const foreign = /[\u00a0\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u2000-\u200a\u3000\uff01-\uff5e]/

/** Indexes are into {@link text}; `base` + index is the offset in the whole input. */
export class Window {
  text = ''
  base = 0
  /** True where nothing follows. */
  final = false
  /** Where the match that a rule reports starts; the scanner sets it to the scanned position. */
  from = 0
  /** The number at the scanned position; read before rules of AT_NUMBER are asked. */
  readonly number = new NumberReading()
  /** What a rule reads with a form. */
  readonly code = new CodeReading()
  /** Offset up to which characters of an e-mail address's first part go that no @ ends. */
  noMailUntil = 0
  /** The end of the letters and digits at the scanned position. */
  wordEnd = 0
  /** Class bits seen in the word. */
  wordBits = 0
  #findFrom = 0
  #findOf = -1
  #runUntil = 0
  #runOf = -1
  #runAllowed: RegExp | undefined

  /** Reads the letters and digits from `at`; at most `most` characters. */
  readWord(at: number, most: number): void {
    const { text } = this
    const stop = Math.min(text.length, at + most)
    let end = at
    let bits = 0
    while (end < stop) {
      const bit = classOf(text.charCodeAt(end)) & (ALNUM | INVISIBLE)
      if (bit === 0) break
      bits |= bit
      end++
    }
    this.wordEnd = end
    this.wordBits = bits
  }

  /** A digit stands in the word. */
  wordHasDigit(): boolean {
    return (this.wordBits & DIGIT) !== 0
  }

  /** Nothing invisible stands in the word. */
  wordIsPlain(): boolean {
    return (this.wordBits & INVISIBLE) === 0
  }

  /** The folded unit at `index`, or -1 past the end. */
  at(index: number): number {
    return index < this.text.length ? foldOf(this.text.charCodeAt(index)) : -1
  }

  /** True where `index` lies behind what has come so far and more may come. */
  open(index: number): boolean {
    return index >= this.text.length && !this.final
  }

  /** True for a letter or digit at `index`; false past the end. */
  alnum(index: number): boolean {
    return index < this.text.length && (classOf(this.text.charCodeAt(index)) & ALNUM) !== 0
  }

  /** Up to `most` characters before `index`, in lower case, folded. */
  before(index: number, most = reach): string {
    const start = Math.max(0, index - Math.min(most, reach))
    const before = this.text.slice(start, index)
    return (foreign.test(before) ? foldText(before) : before).toLowerCase()
  }

  /** 1 where `word` stands at `index`, 0 where it does not, -1 where more text is needed. */
  spells(word: string, index: number): 1 | 0 | -1 {
    const here = this.text.length - index
    if (here >= word.length || this.final) return this.text.startsWith(word, index) ? 1 : 0
    return here <= 0 || word.startsWith(this.text.slice(index)) ? -1 : 0
  }

  /** Finds `word` after `index`, at most `most` away, without looking twice at what it has seen. */
  find(word: string, index: number, most: number): number {
    const known = this.#findOf === this.base + index ? this.#findFrom - this.base : index
    const stop = Math.min(this.text.length, index + most)
    const found = this.text.slice(known, stop).indexOf(word)
    const seen = found < 0 ? Math.max(known, stop - word.length) : known + found
    this.#findOf = this.base + index
    this.#findFrom = this.base + seen
    return found < 0 ? -1 : known + found
  }

  /**
   * The end of the run of `allowed` characters from `from` on, at most `most`; OPEN where it may
   * go on. Does not look twice at what it has seen of a run that was open.
   */
  runEnd(from: number, allowed: RegExp, most: number): number {
    const { text, base } = this
    const known = this.#runOf === base + from && this.#runAllowed === allowed
    const stop = Math.min(text.length, from + most)
    let index = known ? Math.min(this.#runUntil - base, stop) : from
    while (index < stop && allowed.test(text[index]!)) index++
    if (index - from === most || !this.open(index)) return index
    this.#runOf = base + from
    this.#runAllowed = allowed
    this.#runUntil = base + index
    return OPEN
  }
}

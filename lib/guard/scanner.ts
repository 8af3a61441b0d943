/**
 * The incremental scanner: text in, text out as soon as nothing in it can become a match.
 * @module
 */

import type { Category } from './categories.ts'
import { ALNUM, classOf, DIGIT, foldOf, HAN, INVISIBLE, MARK, NUMERAL } from './characters.ts'
import { startsNumber } from './number-reading.ts'
import {
  AT_ANY,
  AT_CAPITAL,
  AT_CODE,
  AT_DIGIT_CODE,
  AT_GROUP,
  AT_HAN,
  AT_LETTER_CODE,
  AT_MARK,
  AT_NUMBER,
  AT_WORD,
  longestMatch,
  longestWord,
  NONE,
  OPEN,
  type Rule,
  reach,
} from './rule.ts'
import { Window } from './window.ts'

/** What a rule found. Offsets are UTF-16 units of the whole input; `end` is exclusive. */
export interface Found {
  category: Category
  rule: string
  start: number
  end: number
  score: number
}

/** A longer word of letters alone may be a key. */
const longestProse = 15

/** Of the digits between the colons of an address. */
const longestGroup = 4

const COLON = 0x3a

/** No rule of AT_NUMBER takes fewer. */
const fewestDigits = 7

/** Cutting the window costs a copy of it. */
const enoughToForget = 2048

/** A detector that reads every character: users' terms, registered documents. */
export interface Tracker {
  /** Reads `text` from index `from` on; `base` + index is the offset in the input. */
  read(text: string, from: number, base: number, final: boolean, found: Found[]): void
  /** Text from this offset on may still be part of a match. */
  hold(): number
}

/** Rules by the kinds of positions that start them: index = bits. */
export function arrange(rules: readonly Rule[]): readonly (readonly Rule[])[] {
  return Array.from({ length: AT_ANY + 1 }, (_, starts) =>
    rules.filter(rule => (rule.starts & starts) !== 0),
  )
}

/** Finds matches and says up to where text is settled; knows nothing of actions. */
export class Scanner {
  readonly #rules: readonly (readonly Rule[])[]
  readonly #trackers: readonly Tracker[]
  readonly #window = new Window()
  /** Index of the first undecided position. */
  #at = 0
  #insideWord = false
  /** Offset behind a number with too few digits. */
  #shortUntil = 0
  #found: Found[] = []

  constructor(rules: readonly (readonly Rule[])[], trackers: readonly Tracker[]) {
    this.#rules = rules
    this.#trackers = trackers
  }

  /** The text from offset `from` on, as far as it is still kept, up to offset `to`. */
  slice(from: number, to: number): string {
    return this.#window.text.slice(from - this.#window.base, to - this.#window.base)
  }

  /** Takes more text; afterwards everything before {@link settled} is decided. */
  push(chunk: string, final: boolean): void {
    const window = this.#window
    const come = window.text.length
    window.text += chunk
    window.final = final
    for (const tracker of this.#trackers)
      tracker.read(window.text, come, window.base, final, this.#found)
    this.#advance()
  }

  /** Nothing before this offset can be part of a match that is still to be found or to grow. */
  settled(): number {
    let settled = this.#window.base + this.#at
    for (const tracker of this.#trackers) settled = Math.min(settled, tracker.hold())
    if (this.#found.length === 0) return settled
    // A match that reaches into the undecided keeps back those that it overlaps, and so on.
    const byEnd = [...this.#found].sort((a, b) => b.end - a.end)
    for (const { start, end } of byEnd) if (end > settled) settled = Math.min(settled, start)
    return settled
  }

  /** Hands over the matches that end by `settled`. */
  takeFound(settled: number): Found[] {
    if (this.#found.length === 0) return []
    const done = this.#found.filter(found => found.end <= settled)
    if (done.length > 0) this.#found = this.#found.filter(found => found.end > settled)
    return done
  }

  /** Forgets text before offset `left`, but for what rules may look back at. */
  forget(left: number): void {
    const window = this.#window
    const cut = Math.min(left - window.base, this.#at) - 2 * reach
    if (cut < enoughToForget) return
    window.text = window.text.slice(cut)
    window.base += cut
    this.#at -= cut
  }

  #advance(): void {
    const { text, final } = this.#window
    let at = this.#at
    while (at < text.length) {
      const bits = classOf(text.charCodeAt(at))
      if ((bits & (ALNUM | HAN | NUMERAL | MARK | INVISIBLE)) === 0) {
        this.#insideWord = false
        at++
        continue
      }
      const next = this.#decide(at, bits)
      if (next < 0) break
      at = next
    }
    // Half of a surrogate pair does not leave alone.
    if (at === text.length && at > this.#at && !final && isHigh(text.charCodeAt(at - 1))) at--
    this.#at = at
  }

  /** The next position to look at, or OPEN. */
  #decide(at: number, bits: number): number {
    const window = this.#window
    let starts = 0
    let skip = at + 1
    if (bits & INVISIBLE) return skip
    if (bits & ALNUM) {
      window.readWord(at, longestMatch)
      skip = window.wordEnd
      if (!this.#insideWord) {
        if (window.open(skip) && skip - at <= longestWord) return OPEN
        starts = this.#wordStarts(at, bits)
      }
    } else {
      if (bits & MARK) starts = AT_MARK
      if (bits & HAN) starts = AT_HAN
      if (bits & NUMERAL && startsNumber(window.text, at)) starts |= AT_NUMBER
    }
    if (starts & AT_NUMBER && !this.#mayBeNumber(at)) starts &= ~AT_NUMBER
    const end = starts === 0 ? NONE : this.#ask(this.#rules[starts]!, at)
    if (end === OPEN) return OPEN
    this.#insideWord = (bits & ALNUM) !== 0
    return end === NONE ? skip : end
  }

  /** Reads the number at `at`; false where it is too short to be one. */
  #mayBeNumber(at: number): boolean {
    const { number, text, base, final } = this.#window
    // What begins within a number that is too short is shorter.
    if (base + at < this.#shortUntil) return false
    number.read(text, at, final)
    if (!number.closed || number.count >= fewestDigits) return true
    this.#shortUntil = base + number.stop
    return false
  }

  /** What may start at the word that was read at `at`. */
  #wordStarts(at: number, bits: number): number {
    const window = this.#window
    const { wordEnd: end } = window
    let starts = AT_WORD
    if (bits & DIGIT && startsNumber(window.text, at)) starts |= AT_NUMBER
    if (end - at > longestWord) return starts
    // A short word that a blank ends is no token and no part of an address of a machine.
    const next = window.at(end)
    if (end - at <= longestProse && (endsProse(next) || next === COLON)) starts &= ~AT_WORD
    if (end - at <= longestGroup && (next === COLON || next === 0x2d || next === 0x2e))
      starts |= AT_GROUP
    if (window.wordHasDigit()) starts |= AT_CODE | (bits & DIGIT ? AT_DIGIT_CODE : AT_LETTER_CODE)
    const first = foldOf(window.text.charCodeAt(at))
    if (first >= 0x41 && first <= 0x5a) starts |= AT_CAPITAL
    return starts
  }

  #ask(rules: readonly Rule[], at: number): number {
    const window = this.#window
    let furthest = NONE
    const before = this.#found.length
    for (const rule of rules) {
      window.from = at
      const end = rule.scan(window, at)
      if (end === OPEN) {
        this.#found.length = before
        return OPEN
      }
      if (end === NONE) continue
      this.#found.push({
        category: rule.category,
        rule: rule.name,
        start: window.base + window.from,
        end: window.base + end,
        score: rule.score,
      })
      furthest = Math.max(furthest, end)
    }
    return furthest
  }
}

/** Behind a word of letters these, and the end, make it a word of prose. */
const endsProse = (unit: number): boolean =>
  unit < 0 ||
  unit === 32 ||
  unit === 10 ||
  unit === 0x2c ||
  unit === 0x28 ||
  unit === 0x29 ||
  unit === 0x3b

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/**
 * The incremental scanner: text in, text out as soon as nothing in it can become a match.
 * @module
 */

import type { Category } from './categories.ts'
import {
  ALNUM,
  classOf,
  DIGIT,
  foldOf,
  HAN,
  INVISIBLE,
  MARK,
  NUMERAL,
  SPACE,
} from './characters.ts'
import { separatesCode } from './code-reading.ts'
import { startsNumber } from './number-reading.ts'
import {
  AT_BRACKET,
  AT_CAPITAL,
  AT_CODE,
  AT_COLONED,
  AT_DASHES,
  AT_DOTTED,
  AT_HAN,
  AT_HOUSE,
  AT_LETTER_CODE,
  AT_LONG_NUMBER,
  AT_NUMBER,
  AT_PAIR,
  AT_PLACE,
  AT_PLUS,
  AT_SCHEME,
  AT_VALUE,
  AT_WORD,
  AT_ZERO,
  beforePlaces,
  longestMatch,
  longestWord,
  NONE,
  OPEN,
  type RuleTable,
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
/** Number of a house, such as 1234B. */
const longestHouse = 6

const COLON = 0x3a
const HYPHEN = 0x2d
const BLANK = 32
const DOT = 0x2e
const SLASH = 0x2f
const EQUALS = 0x3d
const PLUS = 0x2b

/** No rule of AT_NUMBER takes fewer. */
const fewestDigits = 7
const fewestOfLong = 13

/** Not 0 for what stands in front of a place. */
const opensPlace = new Uint8Array(65_536)
for (const unit of beforePlaces) opensPlace[unit.charCodeAt(0)] = 1

/** A shorter beginning of a code has a separator behind it. */
const shortestCode = 4

/** Cutting the window costs a copy of it. */
const enoughToForget = 256

/** A detector that reads every character: users' terms, registered documents. */
export interface Tracker {
  /** Reads `text` from index `from` on; `base` + index is the offset in the input. */
  read(text: string, from: number, base: number, final: boolean, found: Found[]): void
  /** Text from this offset on may still be part of a match. */
  hold(): number
}

/** Finds matches and says up to where text is settled; knows nothing of actions. */
export class Scanner {
  readonly #rules: RuleTable
  readonly #trackers: readonly Tracker[]
  readonly #window = new Window()
  /** Index of the first undecided position. */
  #at = 0
  #insideWord = false
  /** Offset behind a number with too few digits. */
  #shortUntil = 0
  #found: Found[] = []

  constructor(rules: RuleTable, trackers: readonly Tracker[]) {
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
    if (this.#found.length === 0) return this.#found
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
      const unit = text.charCodeAt(at)
      const bits = classOf(unit)
      if ((bits & (ALNUM | HAN | NUMERAL | MARK | INVISIBLE)) === 0) {
        this.#insideWord = false
        at++
        continue
      }
      const next = this.#decide(at, unit, bits)
      if (next < 0) break
      at = next
    }
    // Half of a surrogate pair does not leave alone.
    if (at === text.length && at > this.#at && !final && isHigh(text.charCodeAt(at - 1))) at--
    this.#at = at
  }

  /** The next position to look at, or OPEN. */
  #decide(at: number, unit: number, bits: number): number {
    if (bits & ALNUM) return this.#decideWord(at, bits)
    if (bits & INVISIBLE) return at + 1
    const starts = this.#signStarts(at, unit, bits)
    const end = starts === 0 ? NONE : this.#ask(starts, at)
    if (end === OPEN) return OPEN
    this.#insideWord = false
    return end === NONE ? at + 1 : end
  }

  #decideWord(at: number, bits: number): number {
    const window = this.#window
    window.readWord(at, longestMatch)
    const skip = window.wordEnd
    if (!this.#insideWord) {
      if (window.open(skip) && skip - at <= longestWord) return OPEN
      const starts = this.#wordStarts(at, bits)
      if (starts !== 0) {
        const end = this.#ask(starts, at)
        if (end === OPEN) return OPEN
        this.#insideWord = true
        return end === NONE ? skip : end
      }
    }
    this.#insideWord = true
    return skip
  }

  /** What may start at a mark or a Han character. */
  #signStarts(at: number, unit: number, bits: number): number {
    const window = this.#window
    if (bits & MARK) return this.#markStarts(at, foldOf(unit))
    let starts = bits & HAN && this.#rules.firsts[unit] !== 0 ? AT_HAN : 0
    const before = at > 0 ? window.text.charCodeAt(at - 1) : 0
    if (bits & HAN && (opensPlace[before] !== 0 || classOf(before) & (SPACE | INVISIBLE)))
      starts |= AT_PLACE
    if (bits & NUMERAL && startsNumber(window.text, at)) starts |= this.#numberStarts(at)
    return starts
  }

  #markStarts(at: number, unit: number): number {
    const window = this.#window
    const next = window.at(at + 1)
    const open = window.open(at + 1)
    if (unit === COLON) {
      const behindDigit = at > 0 && classOf(window.text.charCodeAt(at - 1)) & DIGIT
      return (behindDigit ? 0 : AT_VALUE) | (open || next === SLASH ? AT_SCHEME : 0)
    }
    if (unit === HYPHEN) return open || next === HYPHEN ? AT_DASHES : 0
    if (unit === EQUALS) return AT_VALUE
    return unit === PLUS ? AT_PLUS : AT_BRACKET
  }

  /** Reads the number at `at`; 0 where it is too short to be one. */
  #numberStarts(at: number): number {
    const { number, text, base, final } = this.#window
    // What begins within a number that is too short is shorter.
    if (base + at < this.#shortUntil) return 0
    number.read(text, at, final)
    const { count, closed } = number
    if (closed && count < fewestDigits) {
      this.#shortUntil = base + number.stop
      return 0
    }
    const long = !closed || count >= fewestOfLong ? AT_LONG_NUMBER : 0
    return AT_NUMBER | long | (number.digits[0] === 0 ? AT_ZERO : 0)
  }

  /** What may start at the word that was read at `at`. */
  #wordStarts(at: number, bits: number): number {
    const window = this.#window
    const { wordEnd: end } = window
    const length = end - at
    const next = window.at(end)
    let starts = AT_WORD
    // A short word that a blank ends is no token and no part of an address of a machine.
    if (length <= longestProse && endsProse(next)) starts = 0
    if (bits & DIGIT && startsNumber(window.text, at)) starts |= this.#numberStarts(at)
    if (length > longestWord) return starts
    if (length <= longestGroup) starts |= groupStarts(length, next)
    if (window.wordHasDigit()) {
      if (length >= shortestCode || separatesCode(next)) starts |= AT_CODE
      if ((bits & DIGIT) === 0) starts |= AT_LETTER_CODE
      else if (next === DOT) starts |= AT_DOTTED
      else if (next === BLANK && length <= longestHouse) starts |= AT_HOUSE
    }
    const first = foldOf(window.text.charCodeAt(at))
    if (first >= 0x41 && first <= 0x5a) starts |= AT_CAPITAL
    return starts
  }

  #ask(starts: number, at: number): number {
    const rules = this.#rules.at(starts)
    const window = this.#window
    let furthest = NONE
    const before = this.#found.length
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!
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

/** What may start at a word as long as a group of the address of a machine. */
function groupStarts(length: number, next: number): number {
  if (next === COLON) return AT_COLONED | (length === 2 ? AT_PAIR : 0)
  return (length === 2 && next === HYPHEN) || (length === 4 && next === DOT) ? AT_PAIR : 0
}

/** Behind a word of letters these, and the end, make it a word of prose. */
const prosaic = new Uint8Array(65_536)
for (const unit of ' \n,();:') prosaic[unit.charCodeAt(0)] = 1
const endsProse = (unit: number): boolean => unit < 0 || prosaic[unit] !== 0

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

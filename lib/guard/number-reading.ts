/**
 * Digits at a position, seen through separators, full-width forms and Han numerals.
 * @module
 */
import { ALNUM, classOf, DIGIT, digitValueOf, INVISIBLE, LETTER, NUMERAL } from './characters.ts'
import { reach } from './rule.ts'

/** Kinds of separators; bits. */
export const BY_SPACE = 1
export const BY_HYPHEN = 2
export const BY_DOT = 4
export const BY_NEWLINE = 8
export const BY_BRACKET = 16
/** Digits of one script follow digits of the other. */
export const BY_SCRIPT = 32
export const BY_SLASH = 64

/** More digits than any number has. */
const mostDigits = 36
/** Visible separator characters between two digits. */
const mostBetween = 3
const mostInvisible = 8

const separators = new Uint8Array(65536)
const separator = (units: string, kind: number): void => {
  for (const unit of units) separators[unit.charCodeAt(0)] = kind
}
separator(' \t\u00a0\u3000\u2002\u2003\u2007\u2009\u202f', BY_SPACE)
separator('-‐‑‒–—－_', BY_HYPHEN)
separator('.·•．‧・', BY_DOT)
separator('\n\r', BY_NEWLINE)
separator('()（）', BY_BRACKET)
separator('/', BY_SLASH)

/** The reading is reused: one lives in each window. */
export class NumberReading {
  count = 0
  /** The first index behind the number that belongs to no digit or separator. */
  stop = 0
  /** False where the next characters may still belong to the number. */
  closed = false
  readonly digits = new Uint8Array(mostDigits)
  /** Index behind digit k. */
  readonly ends = new Int32Array(mostDigits)
  /** Separators before digit k. */
  readonly between = new Uint8Array(mostDigits + 1)

  /** Reads from `at`, where a digit stands. */
  read(text: string, at: number, final: boolean): void {
    this.count = 0
    let index = at
    let kinds = 0
    let visible = 0
    let invisible = 0
    let script = 0
    while (index < text.length && this.count < mostDigits) {
      const unit = text.charCodeAt(index)
      const bits = classOf(unit)
      if (bits & (DIGIT | NUMERAL)) {
        if (script !== 0 && (bits & script) === 0) kinds |= BY_SCRIPT
        script = bits & (DIGIT | NUMERAL)
        this.#add(index, digitValueOf(unit), kinds)
        kinds = visible = invisible = 0
      } else if (bits & INVISIBLE) {
        if (++invisible > mostInvisible) break
      } else {
        const kind = separators[unit]!
        if (kind === 0 || ++visible > mostBetween) break
        kinds |= kind
      }
      index++
    }
    this.between[this.count] = kinds
    this.stop = index
    this.closed = final || index < text.length || this.count === mostDigits
  }

  #add(index: number, value: number, kinds: number): void {
    this.digits[this.count] = value
    this.between[this.count] = kinds
    this.ends[this.count] = index + 1
    this.count++
  }

  /** True where the first `count` digits are not followed at once by a digit or letter. */
  endsAt(text: string, count: number): boolean {
    if (count > this.count) return false
    if (count < this.count) return this.between[count] !== 0
    const end = this.ends[count - 1]!
    return end >= text.length || (classOf(text.charCodeAt(end)) & ALNUM) === 0
  }

  /** The separators within the first `count` digits. */
  separatorsWithin(count: number): number {
    let kinds = 0
    for (let k = 1; k < count; k++) kinds |= this.between[k]!
    return kinds
  }

  /** The first `count` digits as a string of ASCII digits. */
  take(count: number, from = 0): string {
    let out = ''
    for (let k = from; k < count; k++) out += String.fromCharCode(0x30 + this.digits[k]!)
    return out
  }

  /** The digits' value from `from` to `to`. */
  value(from: number, to: number): number {
    let out = 0
    for (let k = from; k < to; k++) out = out * 10 + this.digits[k]!
    return out
  }

  /** One dot and no other separator: 139.12345678, 4111111111111.11. */
  isDecimal(count: number): boolean {
    let dots = 0
    for (let k = 1; k < count; k++)
      if (this.between[k] !== 0 && (this.between[k] !== BY_DOT || ++dots > 1)) return false
    return dots === 1
  }

  /** Lengths of the groups of the first `count` digits, such as "3-2-4". */
  shape(count: number): string {
    let out = ''
    let length = 1
    for (let k = 1; k < count; k++) {
      if (this.between[k] !== 0) {
        out += `${length}-`
        length = 0
      }
      length++
    }
    return out + length
  }
}

/** True where a number may start at `index`: no digit of the same script or letter before it. */
export function startsNumber(text: string, index: number): boolean {
  const bits = classOf(text.charCodeAt(index))
  let back = index - 1
  const first = Math.max(0, index - reach)
  while (back >= first && classOf(text.charCodeAt(back)) & INVISIBLE) back--
  if (back < first) return true
  const before = classOf(text.charCodeAt(back))
  if (before & LETTER) return false
  return (before & bits & (DIGIT | NUMERAL)) === 0
}

/** The first index from `index` on whose unit is visible and no separator; -1 at the end. */
export function visibleAfter(text: string, index: number): number {
  let at = index
  while (at < text.length && at < index + mostBetween + mostInvisible) {
    const unit = text.charCodeAt(at)
    if (separators[unit] === 0 && (classOf(unit) & INVISIBLE) === 0) return at
    at++
  }
  return -1
}

/** Digits that make the number in front of a dot a decimal, and not the first of a list. */
const wholeDigits = 3

/** True behind `0.`, and behind a dot with at least three digits in front of it. */
export function isFraction(text: string, index: number): boolean {
  if (text[index - 1] !== '.') return false
  let digits = 0
  while (digits < wholeDigits && isAsciiDigit(text, index - 2 - digits)) digits++
  return digits === wholeDigits || (digits === 1 && text[index - 2] === '0')
}

const isAsciiDigit = (text: string, index: number): boolean =>
  index >= 0 && text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39

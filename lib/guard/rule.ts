/**
 * What a rule is: where it may start, and whether a match starts there.
 * @module
 */
import type { Category } from './categories.ts'
import type { Window } from './window.ts'

/** No match starts here, whatever follows. */
export const NONE = -1
/** More text is needed to decide. Never answered where {@link Window.final} is true. */
export const OPEN = -2

/** Kinds of words, numbers and Han characters at which rules start; bits. */
/** A number of at least seven digits. */
export const AT_NUMBER = 1
/** A number of at least thirteen digits. */
export const AT_LONG_NUMBER = 1 << 1
/** A number that begins with 0. */
export const AT_ZERO = 1 << 2
/** A word that is more than a word of prose: a digit in it, or a mark behind it. */
export const AT_WORD = 1 << 3
/**
 * A word of at most {@link longestWord} characters with a digit in it: four or more, or a
 * separator of codes behind it.
 */
export const AT_CODE = 1 << 4
/** A word of at most {@link longestWord} characters with a digit in it, beginning with a letter. */
export const AT_LETTER_CODE = 1 << 5
/** The same beginning with a digit, and a dot behind it. */
export const AT_DOTTED = 1 << 6
/** A word of at most six characters that begins with a digit, and a blank behind it. */
export const AT_HOUSE = 1 << 7
/** A word of at most {@link longestWord} characters that starts with a capital letter. */
export const AT_CAPITAL = 1 << 8
/** A word of at most four characters with `:` behind it. */
export const AT_COLONED = 1 << 9
/** A word of two characters with `:` or `-` behind it, or of four with a dot. */
export const AT_PAIR = 1 << 10
/** One of the {@link Rule.firsts}. */
export const AT_HAN = 1 << 11
/** A Han character behind what is invisible, a blank or one of {@link beforePlaces}. */
export const AT_PLACE = 1 << 12
const signs = 13
/** `=`, or a colon that no digit stands before. */
export const AT_VALUE = 1 << signs
/** `:/` */
export const AT_SCHEME = 1 << (signs + 1)
/** `--` */
export const AT_DASHES = 1 << (signs + 2)
export const AT_PLUS = 1 << (signs + 3)
export const AT_BRACKET = 1 << (signs + 4)

/** Marks and Han characters behind which the name of a place begins. */
export const beforePlaces = ':：，,"“在于到至'

/** A longer run of letters and digits is held back for a token with a known prefix only. */
export const longestWord = 64

/**
 * A rule says of a position in the window: a match ends at …, {@link NONE}, or {@link OPEN}.
 *
 * The answer may depend on at most {@link reach} characters before the position and must not
 * depend on where the window happens to end: what one more character could change is OPEN.
 */
export interface Rule {
  readonly category: Category
  readonly name: string
  readonly starts: number
  /** Of {@link AT_HAN}: the characters that it starts with. */
  readonly firsts?: ReadonlySet<number>
  /** 0 … 1: how sure a match is. */
  readonly score: number
  /** The end of the match, or NONE, or OPEN; a match that starts later sets `window.from`. */
  scan(window: Window, at: number): number
}

/** The rules of a guard by the kinds of positions that start them. */
export class RuleTable {
  readonly #rules: readonly Rule[]
  /** Lists that were asked for; no position is both a sign and something else. */
  readonly #ofSigns: (readonly Rule[] | undefined)[] = new Array(1 << 5).fill(undefined)
  readonly #ofOthers: (readonly Rule[] | undefined)[] = new Array(1 << signs).fill(undefined)
  /** Not 0 for a Han character that some rule starts with. */
  readonly firsts = new Uint8Array(65_536)

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
    for (const { firsts } of rules) for (const unit of firsts ?? []) this.firsts[unit] = 1
  }

  /** The rules that start at a position that is all of `starts`. */
  at(starts: number): readonly Rule[] {
    const sign = starts >> signs
    const known = sign === 0 ? this.#ofOthers[starts] : this.#ofSigns[sign]
    if (known !== undefined) return known
    const rules = this.#rules.filter(rule => (rule.starts & starts) !== 0)
    if (sign === 0) this.#ofOthers[starts] = rules
    else this.#ofSigns[sign] = rules
    return rules
  }
}

/** How many characters before a position a rule may look at. */
export const reach = 48

/** No match of a rule is longer; what is longer is cut there. */
export const longestMatch = 16_384

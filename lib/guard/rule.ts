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

/** Kinds of positions at which rules start; bits. */
export const AT_NUMBER = 1
/** A word that is more than a word of prose: a digit in it, or a mark behind it. */
export const AT_WORD = 2
export const AT_MARK = 4
export const AT_HAN = 8
/** A word of at most {@link longestWord} characters with a digit in it. */
export const AT_CODE = 16
/** A word of at most {@link longestWord} characters that starts with a capital letter. */
export const AT_CAPITAL = 32
/** As {@link AT_CODE}, beginning with a letter. */
export const AT_LETTER_CODE = 64
/** As {@link AT_CODE}, beginning with a digit. */
export const AT_DIGIT_CODE = 128
/** A word of at most four characters with `:`, `-` or `.` behind it. */
export const AT_GROUP = 256
/** All of the above. */
export const AT_ANY = 511

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
  /** 0 … 1: how sure a match is. */
  readonly score: number
  /** The end of the match, or NONE, or OPEN; a match that starts later sets `window.from`. */
  scan(window: Window, at: number): number
}

/** How many characters before a position a rule may look at. */
export const reach = 48

/** No match of a rule is longer; what is longer is cut there. */
export const longestMatch = 16_384

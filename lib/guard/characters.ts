/**
 * What each UTF-16 unit can be to the rules, in tables: one look-up a character.
 * @module
 */

/** Bits of {@link classOf}. */
export const DIGIT = 1
export const LETTER = 2
/** Invisible: counts as part of whatever surrounds it. */
export const INVISIBLE = 4
export const HAN = 8
/** A Han numeral that may stand for a digit. */
export const NUMERAL = 16
/** Punctuation at which some rule starts: `:` `=` `-` `+` `(`, full-width ones too. */
export const MARK = 32
export const SPACE = 64
/** Latin letters beyond ASCII, Greek, Cyrillic. */
export const OTHER_LETTER = 128

export const ALNUM = DIGIT | LETTER

const classes = new Uint8Array(65536)
const folded = new Uint16Array(65536)
const values = new Int8Array(65536).fill(-1)

const range = (from: number, to: number, visit: (unit: number) => void): void => {
  for (let unit = from; unit <= to; unit++) visit(unit)
}

function fillTables(): void {
  range(0, 65535, unit => {
    folded[unit] = unit
  })
  range(0xff01, 0xff5e, unit => {
    folded[unit] = unit - 0xfee0
  })
  folded[0x3000] = 32
  folded[0xa0] = 32
  range(0x30, 0x39, unit => setDigit(unit, unit - 0x30))
  for (const zero of [0xff10, 0x660, 0x6f0, 0x966])
    range(zero, zero + 9, unit => setDigit(unit, unit - zero))
  for (const first of [0x41, 0x61, 0xff21, 0xff41])
    range(first, first + 25, unit => {
      classes[unit] = LETTER
    })
  range(0xc0, 0x24f, unit => {
    if (unit !== 0xd7 && unit !== 0xf7) classes[unit] = OTHER_LETTER
  })
  range(0x370, 0x52f, unit => {
    classes[unit] = OTHER_LETTER
  })
  range(0x3400, 0x9fff, unit => {
    classes[unit] = HAN
  })
  for (const row of ['零一二三四五六七八九', '〇壹贰叁肆伍陆柒捌玖', '○幺两參']) {
    for (let i = 0; i < row.length; i++) {
      const unit = row.charCodeAt(i)
      classes[unit] = (unit >= 0x3400 ? HAN : 0) | NUMERAL
      values[unit] = i
    }
  }
  for (const unit of [0xad, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2060, 0xfeff])
    classes[unit] = INVISIBLE
  for (const unit of [9, 10, 11, 12, 13, 32, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000])
    classes[unit] = SPACE
  range(0x2000, 0x200a, unit => {
    classes[unit] = SPACE
    folded[unit] = 32
  })
  for (const mark of ':=-+(：＝＋（') classes[mark.charCodeAt(0)] = MARK
}

function setDigit(unit: number, value: number): void {
  classes[unit] = DIGIT
  folded[unit] = 0x30 + value
  values[unit] = value
}

fillTables()

/** The class bits of a UTF-16 unit. */
export const classOf = (unit: number): number => classes[unit]!

/** Full-width and foreign digits and letters as ASCII; everything else as it is. */
export const foldOf = (unit: number): number => folded[unit]!

/** 0–9 for what may stand for a digit, -1 otherwise. */
export const digitValueOf = (unit: number): number => values[unit]!

/** An ASCII letter in upper case; everything else as it is. */
export const upperOf = (unit: number): number => (unit >= 0x61 && unit <= 0x7a ? unit - 32 : unit)

/** An ASCII letter in lower case; everything else as it is. */
export const lowerOf = (unit: number): number => (unit >= 0x41 && unit <= 0x5a ? unit + 32 : unit)

/** Folds a whole string; the length stays. */
export function foldText(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) out += String.fromCharCode(foldOf(text.charCodeAt(i)))
  return out
}

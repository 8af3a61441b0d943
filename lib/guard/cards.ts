/**
 * Bank cards and account numbers.
 * @module
 */
import { BY_BRACKET, BY_SLASH, isFraction, type NumberReading } from './number-reading.ts'
import { AT_LETTER_CODE, AT_LONG_NUMBER, NONE, OPEN, type Rule } from './rule.ts'

/** First digits (from, to) and the lengths that cards of that network have. */
const networks: readonly (readonly [number, number, readonly number[]])[] = [
  [62, 62, [16, 17, 18, 19]],
  [81, 81, [16, 17, 18, 19]],
  [4, 4, [13, 16, 19]],
  [51, 55, [16]],
  [2221, 2720, [16]],
  [34, 34, [15]],
  [37, 37, [15]],
  [300, 305, [14, 16]],
  [36, 36, [14]],
  [38, 39, [14, 16]],
  [3528, 3589, [16, 17, 18, 19]],
  [6011, 6011, [16, 19]],
  [644, 659, [16, 19]],
  // Older cards of Chinese banks.
  [6013, 6013, [16, 19]],
  [9558, 9558, [18, 19]],
]

function lengthsOf(number: NumberReading): readonly number[] {
  for (const [from, to, lengths] of networks) {
    const first = number.value(0, String(from).length)
    if (first >= from && first <= to) return lengths
  }
  return []
}

/** The Luhn sum of the first `count` digits is a multiple of ten. */
function passesLuhn(digits: Uint8Array, count: number): boolean {
  let sum = 0
  for (let k = 0; k < count; k++) {
    const digit = digits[count - 1 - k]!
    const twice = digit * 2
    sum += k % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice
  }
  return sum % 10 === 0
}

const bankCard: Rule = {
  category: 'bank_card',
  name: 'bank_card',
  starts: AT_LONG_NUMBER,
  score: 0.95,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (number.count < 13) return NONE
    for (const length of lengthsOf(number).toReversed()) {
      if (!number.endsAt(w.text, length) || !passesLuhn(number.digits, length)) continue
      if (number.separatorsWithin(length) & (BY_BRACKET | BY_SLASH)) continue
      if (number.isDecimal(length) || isFraction(w.text, at)) continue
      return number.ends[length - 1]!
    }
    return NONE
  },
}

const ibanLengths = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 ' +
    'EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 ' +
    'IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 ' +
    'NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VA22 ' +
    'VG24 XK20'
  )
    .split(' ')
    .map(entry => [entry.slice(0, 2), Number(entry.slice(2))] as const),
)

/** ISO 13616: the rearranged number is 1 modulo 97. */
function passesMod97(code: string): boolean {
  let rest = 0
  for (const unit of code.slice(4) + code.slice(0, 4)) {
    const value = Number.parseInt(unit, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

const iban: Rule = {
  category: 'iban',
  name: 'iban',
  starts: AT_LETTER_CODE,
  score: 0.99,
  scan(w, at) {
    if (w.at(at) < 0x41) return NONE
    const { code } = w
    if (!code.read(w, at, 'LLDD')) return OPEN
    const length = code.count < 4 ? undefined : ibanLengths.get(code.take(0, 2))
    if (length === undefined) return NONE
    if (!code.read(w, at, `LLDD${'C'.repeat(length - 4)}`)) return OPEN
    return code.count === length && passesMod97(code.take(0, length)) ? code.end(w, length) : NONE
  },
}

export const cards: readonly Rule[] = [bankCard, iban]

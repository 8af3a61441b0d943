/**
 * Identifiers of China, Hong Kong and Taiwan.
 * @module
 */
import { classOf, LETTER } from './characters.ts'
import { separatesCode } from './code-reading.ts'
import { isRealDate } from './dates.ts'
import { BY_BRACKET, BY_SLASH, visibleAfter } from './number-reading.ts'
import { AT_CODE, AT_LETTER_CODE, AT_LONG_NUMBER, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

const provinces = new Set(
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83'
    .split(' ')
    .map(Number),
)
const residentWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]

/** ISO 7064 MOD 11-2: the check character's value, 10 for X. */
function residentCheck(digits: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < 17; k++) sum += digits[k]! * residentWeights[k]!
  return (12 - (sum % 11)) % 11
}

/** GB 11643: region, birth date, serial, check. */
const residentId: Rule = {
  category: 'cn_resident_id',
  name: 'resident_id',
  starts: AT_LONG_NUMBER,
  score: 0.99,
  scan(w) {
    const { number } = w
    if (!number.closed) return OPEN
    if (number.count < 17 || !provinces.has(number.value(0, 2))) return NONE
    if (number.separatorsWithin(17) & (BY_BRACKET | BY_SLASH)) return NONE
    if (!isRealDate(number.value(6, 10), number.value(10, 12), number.value(12, 14))) return NONE
    const check = residentCheck(number.digits)
    if (number.count > 17)
      return number.endsAt(w.text, 18) && number.digits[17] === check ? number.ends[17]! : NONE
    return check === 10 ? letterX(w) : NONE
  },
}

/** The end of the X behind seventeen digits. */
function letterX(w: Window): number {
  const at = visibleAfter(w.text, w.number.ends[16]!)
  if (at < 0) return w.final ? NONE : OPEN
  if ((w.at(at) | 32) !== 0x78) return NONE
  if (w.open(at + 1)) return OPEN
  return w.alnum(at + 1) ? NONE : at + 1
}

const aboutResident = /身份证|身分证|证件号|id card|identity card|resident id/

/** The fifteen digits used before 2000 have no check; they count where they are named. */
const oldResidentId: Rule = {
  category: 'cn_resident_id',
  name: 'resident_id_15',
  starts: AT_LONG_NUMBER,
  score: 0.8,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (!number.endsAt(w.text, 15) || !provinces.has(number.value(0, 2))) return NONE
    const [year, month, day] = [number.value(6, 8), number.value(8, 10), number.value(10, 12)]
    if (!isRealDate(1900 + year, month, day)) return NONE
    return aboutResident.test(w.before(at, 24)) ? number.ends[14]! : NONE
  },
}

const creditAlphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY'
const creditWeights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
const creditForm = 'CCDDDDDDCCCCCCCCCC'

const creditValue = (unit: number): number => creditAlphabet.indexOf(String.fromCharCode(unit))

/** Most numbers show in their first characters that they are none. */
function mayBeCredit(w: Window, at: number): boolean {
  if (w.at(at) === 0x30) return false
  if (w.wordEnd - at >= 4) return provinces.has((w.at(at + 2) - 48) * 10 + w.at(at + 3) - 48)
  // The third and the fourth are digits.
  const begun = w.wordEnd - at >= 2 && classOf(w.text.charCodeAt(w.wordEnd + 1)) & LETTER
  return !begun && separatesCode(w.at(w.wordEnd))
}

/** GB 32100: registrar, kind, region, organisation code, check (mod 31). */
const creditCode: Rule = {
  category: 'cn_social_credit_code',
  name: 'social_credit_code',
  starts: AT_CODE,
  score: 0.98,
  scan(w, at) {
    if (w.wordIsPlain() && !mayBeCredit(w, at)) return NONE
    const { code } = w
    if (!code.read(w, at, creditForm)) return OPEN
    if (code.count < 18 || !provinces.has(Number(code.take(2, 4)))) return NONE
    if (!/^(?:[1-8AN][1-59]|9[1-3]|Y1)/.test(code.take(0, 2)) || code.isDump(18)) return NONE
    let sum = 0
    for (let k = 0; k < 17; k++) {
      const value = creditValue(code.at(k))
      if (value < 0) return NONE
      sum += value * creditWeights[k]!
    }
    return creditValue(code.at(17)) === (31 - (sum % 31)) % 31 ? code.end(w, 18) : NONE
  },
}

const twLetters = 'ABCDEFGHJKLMNPQRSTUVXYWZIO'

/** Letter, sex or residence digit, seven digits, check (weights 1 9 8 … 1 1, mod 10). */
const twId: Rule = {
  category: 'tw_id',
  name: 'tw_id',
  starts: AT_LETTER_CODE,
  score: 0.95,
  scan(w, at) {
    if (w.at(at) < 0x41) return NONE
    const { code } = w
    if (!code.read(w, at, 'LDDDDDDDDD')) return OPEN
    if (code.count < 10 || !/^[1289]/.test(code.take(1, 2))) return NONE
    const letter = twLetters.indexOf(code.take(0, 1)) + 10
    let sum = Math.floor(letter / 10) + (letter % 10) * 9
    for (let k = 1; k < 9; k++) sum += (code.at(k) - 0x30) * (9 - k)
    if ((sum + code.at(9) - 0x30) % 10 !== 0 || code.isDump(10)) return NONE
    return code.end(w, 10)
  },
}

const aboutHk = /hkid|香港身份|香港居民|身份證|identity card|hong kong id/

/** One or two letters, six digits, a check (mod 11) that mostly stands in brackets. */
const hkId: Rule = {
  category: 'hk_id',
  name: 'hk_id',
  starts: AT_LETTER_CODE,
  score: 0.95,
  scan(w, at) {
    if (w.at(at) < 0x41) return NONE
    const second = w.at(at + 1)
    const letters = second >= 0x30 && second <= 0x39 ? 1 : 2
    const { code } = w
    if (!code.read(w, at, letters === 1 ? 'LDDDDDD' : 'LLDDDDDD')) return OPEN
    const length = letters + 6
    return code.count < length ? NONE : hkCheck(w, at, code.take(0, length), code.behind(length))
  },
}

function hkCheck(w: Window, at: number, code: string, behind: number): number {
  if (w.open(behind + 3)) return OPEN
  let index = behind
  if (w.at(index) === 32) index++
  const bracket = w.at(index) === 0x28
  if (!bracket && !aboutHk.test(w.before(at, 24))) return NONE
  if (bracket) index++
  const check = '0123456789A'.indexOf(String.fromCharCode(w.at(index) & 0xdf || 0))
  const value = check >= 0 ? check : w.at(index) - 0x30
  if (value < 0 || value > 10) return NONE
  const padded = code.length === 7 ? ` ${code}` : code
  let sum = value
  for (let k = 0; k < 8; k++) {
    const unit = padded.charCodeAt(k)
    sum += (unit === 32 ? 36 : k < 2 ? unit - 55 : unit - 48) * (9 - k)
  }
  if (sum % 11 !== 0) return NONE
  if (bracket) return w.at(index + 1) === 0x29 ? index + 2 : NONE
  return w.alnum(index + 1) ? NONE : index + 1
}

export const chineseIdentifiers: readonly Rule[] = [
  residentId,
  oldResidentId,
  creditCode,
  twId,
  hkId,
]

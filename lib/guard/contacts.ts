/**
 * E-mail addresses and telephone numbers.
 * @module
 */
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { ALNUM, classOf, foldOf, INVISIBLE } from './characters.ts'
import {
  BY_BRACKET,
  BY_DOT,
  BY_NEWLINE,
  BY_SCRIPT,
  BY_SLASH,
  isFraction,
  type NumberReading,
} from './number-reading.ts'
import { AT_BRACKET, AT_NUMBER, AT_PLUS, AT_WORD, AT_ZERO, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

const longestLocal = 64
const longestDomain = 190

const localMarks = new Uint8Array(65536)
for (const mark of ".%+-_'") localMarks[mark.charCodeAt(0)] = 1

function skip(w: Window, from: number, most: number, marks: (unit: number) => boolean): number {
  let index = from
  const stop = Math.min(w.text.length, from + most)
  while (index < stop) {
    const raw = w.text.charCodeAt(index)
    if ((classOf(raw) & (ALNUM | INVISIBLE)) === 0 && !marks(foldOf(raw))) break
    index++
  }
  return index
}

const isLocalMark = (unit: number): boolean => localMarks[unit] === 1
const isDomainMark = (unit: number): boolean => unit === 0x2e || unit === 0x2d

const email: Rule = {
  category: 'email',
  name: 'email',
  starts: AT_WORD,
  score: 0.98,
  scan(w, at) {
    if (w.base + at < w.noMailUntil) return NONE
    const end = skip(w, at, longestLocal + 1, isLocalMark)
    if (end - at > longestLocal) return NONE
    if (w.open(end)) return OPEN
    if (w.at(end) !== 0x40) {
      w.noMailUntil = w.base + end
      return NONE
    }
    const behind = skip(w, end + 1, longestDomain, isDomainMark)
    if (w.open(behind)) return OPEN
    const domain = w.before(behind, Math.min(behind - end - 1, 48))
    const last = domain.search(
      /\.[\u00ad\u200b-\u200d]?[a-z][a-z\u200b-\u200d]+[.\-\u200b-\u200d]{0,9}$/,
    )
    if (last < 0 || (last === 0 && behind - end - 1 <= 48)) return NONE
    if (w.text.slice(at, end) === 'git') return NONE
    return behind - trailing(domain)
  },
}

/** How many characters at the end of a domain do not belong to it. */
function trailing(domain: string): number {
  let count = 0
  while (/[^a-z0-9]/.test(domain[domain.length - 1 - count] ?? 'a')) count++
  return count
}

const aboutPhone =
  /phone|mobile|\btel|\bcell|\bcall|\bring|whatsapp|\bfax|\btext|sms|wechat|电话|手机|座机|传真|联系方式|致电|拨打|手機|電話|微信|热线/
const aboutOrder =
  /(?:单号|編號|编号|流水号?|订单|運單|运单|序列号|批次|工单|票号|合同号|order|invoice|tracking|ticket|serial|batch|sku|ref)[a-z号码 ._#:：=是为no-]{0,8}$/

/** Ways in which people group the digits of a mobile number. */
const mobileShapes = new Set(['11', '3-4-4', '3-8', '7-4', '4-3-4', '3-3-5', '5-6', '5-3-3'])
const singly = '1-1-1-1-1-1-1-1-1-1-1'

/** `1[3-9]` and nine digits, after 86 or 0086 where that is written. */
const chineseMobile: Rule = {
  category: 'phone',
  name: 'cn_mobile',
  starts: AT_NUMBER,
  score: 0.9,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (number.count < 11) return NONE
    const skipped = number.value(0, 4) === 86 ? 4 : number.value(0, 2) === 86 ? 2 : 0
    const count = skipped + 11
    if (!number.endsAt(w.text, count)) return NONE
    if (number.digits[skipped] !== 1 || number.digits[skipped + 1]! < 3) return NONE
    const doubtful = !groupedAsMobile(number, skipped, count) || number.isDecimal(count)
    if ((doubtful || isFraction(w.text, at)) && !aboutPhone.test(w.before(at, 20))) return NONE
    return aboutOrder.test(w.before(at, 24)) ? NONE : number.ends[count - 1]!
  },
}

function groupedAsMobile(number: NumberReading, from: number, count: number): boolean {
  let shape = ''
  let length = 1
  for (let k = from + 1; k < count; k++) {
    const kinds = number.between[k]! & ~BY_SCRIPT
    if (kinds & BY_SLASH) return false
    if (kinds !== 0) {
      shape += `${length}-`
      length = 0
    }
    length++
  }
  shape += length
  // A line break in the middle is one more way to hide a number.
  const broken = (number.separatorsWithin(count) & BY_NEWLINE) !== 0
  return mobileShapes.has(shape) || shape === singly || (broken && /^\d+-\d+$/.test(shape))
}

/** 0, area code, seven or eight digits. */
const chineseLandline: Rule = {
  category: 'phone',
  name: 'cn_landline',
  starts: AT_ZERO,
  score: 0.8,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (number.count < 10 || number.digits[0] !== 0) return NONE
    const second = number.digits[1]!
    if (second === 0) return NONE
    const area = second === 1 ? (number.digits[2] === 0 ? 3 : 0) : second === 2 ? 3 : 4
    if (area === 0) return NONE
    const first = number.digits[area]!
    if (first < 2 || first > 8) return NONE
    const doubtful = number.between[area] === 0 || isFraction(w.text, at)
    if (doubtful && !aboutPhone.test(w.before(at, 20))) return NONE
    for (const count of [area + 8, area + 7]) {
      if (number.endsAt(w.text, count) && compact(number, area, count))
        return number.ends[count - 1]!
    }
    return NONE
  },
}

/** At most one break after the area code. */
function compact(number: NumberReading, area: number, count: number): boolean {
  let breaks = 0
  for (let k = area + 1; k < count; k++) if (number.between[k] !== 0) breaks++
  return breaks <= 1 && (number.separatorsWithin(count) & BY_SLASH) === 0
}

const leastDigits = 7
const mostDigits = 15

/** `+` or 00, a country's code and a number that exists there. */
const international: Rule = {
  category: 'phone',
  name: 'international',
  starts: AT_PLUS | AT_ZERO,
  score: 0.95,
  scan(w, at) {
    const { number } = w
    const plus = w.at(at) === 0x2b
    if (plus) {
      if (w.open(at + 1)) return OPEN
      const bits = at + 1 < w.text.length ? classOf(w.text.charCodeAt(at + 1)) : 0
      if ((bits & ALNUM) === 0 || !/[0-9]/.test(String.fromCharCode(w.at(at + 1)))) return NONE
      number.read(w.text, at + 1, w.final)
    }
    if (!plus && w.at(at) !== 0x30) return NONE
    if (!number.closed) return OPEN
    if (!plus && (number.take(2) !== '00' || number.between[1]! & BY_DOT)) return NONE
    if (!plus && isFraction(w.text, at)) return NONE
    return longestValid(w, plus ? 0 : 2)
  },
}

/** Checking a number with the plan of its country takes some 20 µs. */
const mostTries = 4

/** The end of the longest run of digits that is a valid number. */
function longestValid(w: Window, from: number): number {
  const { number } = w
  let tries = mostTries
  for (
    let count = Math.min(number.count, from + mostDigits);
    count >= from + leastDigits;
    count--
  ) {
    if (!number.endsAt(w.text, count)) continue
    if (tries-- === 0) return NONE
    if (parsePhoneNumberFromString(`+${number.take(count, from)}`)?.isValid())
      return number.ends[count - 1]!
  }
  return NONE
}

const americanShapes = new Set(['3-3-4', '1-3-3-4'])
/** Countries whose numbers are taken where a word such as "phone" stands before them. */
const elsewhere: readonly (readonly [CountryCode, RegExp])[] = [
  ['US', /^[2-9]\d{9}$/],
  ['GB', /^0[1-37]\d{8,9}$/],
  ['HK', /^[2-9]\d{7}$/],
  ['SG', /^[3689]\d{7}$/],
  ['TW', /^0[2-9]\d{7,8}$/],
  ['JP', /^0[1-9]\d{8,9}$/],
  ['DE', /^0[1-9]\d{8,10}$/],
  ['FR', /^0[1-9]\d{8}$/],
  ['AU', /^0[2-478]\d{8}$/],
  ['IN', /^[6-9]\d{9}$/],
]

/** Numbers without a country's code: America's by their grouping, others where they are named. */
const national: Rule = {
  category: 'phone',
  name: 'national',
  starts: AT_NUMBER,
  score: 0.75,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (number.count < leastDigits || startsWithDate(number)) return NONE
    const shaped = americanLengths(number, w.text)
    if (shaped.length === 0 && !mayBeNational(number, w.text)) return NONE
    const named = aboutPhone.test(w.before(at, 20))
    for (const count of shaped) {
      const country = number.take(count).slice(-10)
      const bracket = number.separatorsWithin(count) & BY_BRACKET
      if (!named && !bracket && !/^[2-9]\d\d[2-9]/.test(country)) continue
      if (parsePhoneNumberFromString(country, 'US')?.isValid()) return number.ends[count - 1]!
    }
    if (!named || number.separatorsWithin(number.count) & BY_SLASH) return NONE
    for (let count = Math.min(number.count, 12); count >= 8; count--) {
      if (!number.endsAt(w.text, count)) continue
      const digits = number.take(count)
      const fits = ([country, form]: (typeof elsewhere)[number]) =>
        form.test(digits) && parsePhoneNumberFromString(digits, country)?.isValid()
      if (elsewhere.some(fits)) return number.ends[count - 1]!
    }
    return NONE
  },
}

const none: readonly number[] = []

/** How many digits make a number in America's grouping; most numbers have no break behind three. */
function americanLengths(number: NumberReading, text: string): readonly number[] {
  if (number.between[3] === 0 && number.between[1] === 0) return none
  return [10, 11].filter(
    count => number.endsAt(text, count) && americanShapes.has(number.shape(count)),
  )
}

/** 2025-03-01, as every line of a log has. */
function startsWithDate(number: NumberReading): boolean {
  if (number.between[4] === 0 || number.between[6] === 0 || number.between[5] !== 0) return false
  const century = number.value(0, 2)
  const month = number.value(4, 6)
  return (century === 19 || century === 20) && month >= 1 && month <= 12
}

/** True where a number of eight to twelve digits may end. */
function mayBeNational(number: NumberReading, text: string): boolean {
  for (let count = 8; count <= 12; count++) if (number.endsAt(text, count)) return true
  return false
}

/** `(415) 555-2671`, `(010) 8888 7777`: the bracket goes with the number. */
const bracketed: Rule = {
  category: 'phone',
  name: 'bracketed',
  starts: AT_BRACKET,
  score: 0.85,
  scan(w, at) {
    if (w.open(at + 1)) return OPEN
    if (w.at(at + 1) < 0x30 || w.at(at + 1) > 0x39) return NONE
    const { number } = w
    number.read(w.text, at + 1, w.final)
    if (!number.closed) return OPEN
    const behind = number.between.subarray(2, 6)
    if (!behind.some(kinds => kinds & BY_BRACKET)) return NONE
    const end = chineseLandline.scan(w, at + 1)
    return end === NONE ? national.scan(w, at + 1) : end
  },
}

export const contacts: readonly Rule[] = [
  bracketed,
  email,
  chineseMobile,
  chineseLandline,
  international,
  national,
]

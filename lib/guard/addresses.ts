/**
 * Postal addresses, in Chinese and in English.
 * @module
 */
import { classOf, DIGIT, HAN, LETTER, NUMERAL } from './characters.ts'
import { places, streetWords, unitWords } from './place-lists.ts'
import { AT_HAN, AT_HOUSE, AT_PLACE, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

const areaSuffixes = new Set('省市区县旗盟州镇乡村'.split(''))
const roadSuffixes = new Set('路街道巷弄坊里'.split(''))
const numberSuffixes = new Set('号楼栋幢座室层院苑单元房塔厦组户铺'.split(''))
/** A stretch between two suffixes is no longer. */
const longestPart = 10
const longestAddress = 80
const stops = new Set('的了是在与及或等从到有为于我你他她它们这那吗呢吧啊'.split(''))
/** The last characters of {@link labels}. */
const labelEnds = new Set('址在住所于到往至籍贯货寄'.split(''))
const labels =
  /(?:地址|住址|住在|家住|住所|位于|寄到|寄往|送到|送至|户籍|籍贯|收货|邮寄)[^一-龥]{0,3}$/

/** Reads suffix after suffix; the address needs a road or village and a number behind it. */
function readChinese(w: Window, at: number): number {
  let part = 0
  let levels = 0
  let road = false
  let end = NONE
  let index = at
  for (; index < at + longestAddress; index++) {
    if (index >= w.text.length) {
      if (!w.final) return OPEN
      break
    }
    const unit = w.text[index]!
    const bits = classOf(w.text.charCodeAt(index))
    if (areaSuffixes.has(unit) || roadSuffixes.has(unit)) {
      if (part > 0) levels++
      if (part > 0 && (roadSuffixes.has(unit) || unit === '村' || unit === '镇')) road = true
      part = 0
    } else if (numberSuffixes.has(unit)) {
      if (road && numbered(w, index)) end = index + 1
      part = 0
    } else if (bits & (DIGIT | LETTER)) part++
    else if (unit === '-' || unit === '#') part++
    else if (unit === ' ' && levels > 0) {
      if (w.open(index + 1)) return OPEN
      if (!isNumbering(w, index - 1) && !isNumbering(w, index + 1)) break
    } else if ((bits & HAN) === 0 || stops.has(unit) || ++part > longestPart) break
  }
  if (end < 0 || levels < 1) return NONE
  // Digits after the last suffix are the room: 3号楼502.
  if (w.open(end + 1)) return OPEN
  const from = w.at(end) === 32 && isRoom(w, end + 1) ? end + 1 : end
  let tail = from
  while (tail - from < 6 && isRoom(w, tail)) tail++
  if (w.open(tail)) return OPEN
  return tail
}

/** A blank stands beside these in an address: 中山路 18 号 B 座. */
const isNumbering = (w: Window, index: number): boolean =>
  index < w.text.length && (classOf(w.text.charCodeAt(index)) & (DIGIT | LETTER)) !== 0

/** A digit, a numeral or a letter stands before the suffix, as in 12号, 三单元, B座. */
function numbered(w: Window, index: number): boolean {
  const at = w.at(index - 1) === 32 ? index - 2 : index - 1
  const before = classOf(w.text.charCodeAt(at))
  if (before & (DIGIT | LETTER | NUMERAL)) return true
  return /[十百单]/.test(w.text[at]!)
}

const isRoom = (w: Window, index: number): boolean =>
  index < w.text.length && (classOf(w.text.charCodeAt(index)) & DIGIT) !== 0

const chineseAddress: Rule = {
  category: 'address',
  name: 'chinese_address',
  starts: AT_HAN,
  firsts: new Set([...places.keys()].map(first => first.charCodeAt(0))),
  score: 0.75,
  scan(w, at) {
    for (const place of places.get(w.text[at]!) ?? []) {
      const spelled = w.spells(place, at)
      if (spelled < 0) return OPEN
      if (spelled > 0) return readChinese(w, at)
    }
    return NONE
  },
}

/** 地址：… and the like, whatever the place is called. */
const labelledAddress: Rule = {
  ...chineseAddress,
  starts: AT_PLACE,
  scan(w, at) {
    let end = at
    while (end > 0 && at - end < 3 && (classOf(w.text.charCodeAt(end - 1)) & HAN) === 0) end--
    if (!labelEnds.has(w.text[end - 1] ?? '')) return NONE
    return labels.test(w.before(at, 8)) ? readChinese(w, at) : NONE
  },
}

const isUpper = (unit: number): boolean => unit >= 0x41 && unit <= 0x5a
const longestWord = 16
const mostStreetWords = 5

/** The end of the letters at `at`, and a dot behind an abbreviation. */
function wordAt(w: Window, at: number): number {
  let end = at
  while (end - at < longestWord && end < w.text.length) {
    const bits = classOf(w.text.charCodeAt(end))
    if ((bits & (LETTER | DIGIT)) === 0 && w.at(end) !== 0x27) break
    end++
  }
  return w.open(end) ? OPEN : end
}

/** "12B Baker Street": a number, capitalised words, a word for a street. */
const englishAddress: Rule = {
  category: 'address',
  name: 'english_address',
  starts: AT_HOUSE,
  score: 0.8,
  scan(w, at) {
    let index = w.wordEnd
    if (w.open(index + 1)) return OPEN
    for (let count = 0; count < mostStreetWords; count++) {
      const start = index + 1
      if (w.open(start)) return OPEN
      const ordinal = count === 0 && (classOf(w.text.charCodeAt(start)) & DIGIT) !== 0
      if (!isUpper(w.at(start)) && !ordinal) return NONE
      const end = wordAt(w, start)
      if (end === OPEN) return OPEN
      if (ordinal && !isOrdinal(w, start, end)) return NONE
      if (count > 0 && streetWords.has(w.text.slice(start, end).toLowerCase()))
        return behindStreet(w, at, end)
      index = w.at(end) === 0x2e ? end + 1 : end
      if (w.open(index)) return OPEN
      if (w.at(index) !== 32) return NONE
    }
    return NONE
  },
}

/** 5th, 42ND: most numbers end with a digit. */
const isOrdinal = (w: Window, start: number, end: number): boolean =>
  w.at(end - 1) > 0x39 && /^\d+(?:st|nd|rd|th)$/i.test(w.text.slice(start, end))

const named =
  /(?:live|lives|living|reside|resides|address|deliver|delivered|ship|shipped|sent|home)[ :a-z]{0,12}$/

/** Behind an address a sentence goes on with one of these; "7 Old Bridges Road trips" does not. */
const goOn = new Set(
  (
    'and or but if in near at on by to for from with until till since before after because as is ' +
    'was are has had will would can please which where when while who that this not opposite ' +
    'behind beside next between than then so it he she they we i you my our your his her'
  ).split(' '),
)
const placed =
  /(?:live|lives|living|reside|resides|address|deliver|delivered|ship|shipped|sent|home)[ :a-z]{0,12}$|(?:\b(?:at|to|from|near|opposite)|[:=]["']?) ?$/
const isLower = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a

/** "10 Green Street Signs" is no address unless something before it says so. */
function behindStreet(w: Window, at: number, street: number): number {
  if (w.open(street + 2)) return OPEN
  if (w.at(street) === 32 && isLower(w.at(street + 1))) {
    const end = wordAt(w, street + 1)
    if (end === OPEN) return OPEN
    const word = w.text.slice(street + 1, end)
    if (!goOn.has(word) && !placed.test(w.before(at, 24))) return NONE
  }
  const goesOn = w.at(street) === 32 && isUpper(w.at(street + 1)) && !isUpper(w.at(street + 2))
  if (goesOn && !named.test(w.before(at, 24))) return NONE
  return restOfAddress(w, street)
}

/** Parts behind the street: unit, town, state, postal code. */
function restOfAddress(w: Window, street: number): number {
  let end = street
  if (w.open(end)) return OPEN
  if (w.at(end) === 0x2e) end++
  else if (w.at(end) === 0x2d || w.at(end) === 0x5f) return NONE
  for (let parts = 0; parts < 5; parts++) {
    const next = nextPart(w, end)
    if (next === OPEN) return OPEN
    if (next === NONE) break
    end = next
  }
  return end
}

/** `, Apt 4B` · `, Springfield` · ` IL` · ` 62701` · ` NW1 6XE`. */
function nextPart(w: Window, end: number): number {
  let index = end
  const comma = w.at(index) === 0x2c
  if (comma) index++
  if (w.open(index)) return OPEN
  if (w.at(index) === 32) index++
  if (w.open(index)) return OPEN
  if (index === end) return NONE
  const word = wordAt(w, index)
  if (word === OPEN) return OPEN
  const text = w.text.slice(index, word)
  if (/^(?:[A-Z]{2}|\d{5}|[A-Z]{1,2}\d{1,2}[A-Z]?|\d[A-Z]{2})$/.test(text)) return word
  if (unitWords.has(text.toLowerCase()) || (comma && text === '')) return unitNumber(w, word)
  if (!comma || !/^[A-Z][a-z]+$/.test(text)) return NONE
  return town(w, word)
}

function unitNumber(w: Window, at: number): number {
  let index = at
  while (index - at < 2 && (w.at(index) === 32 || w.at(index) === 0x23 || w.at(index) === 0x2e))
    index++
  if (w.open(index)) return OPEN
  const end = wordAt(w, index)
  if (end === OPEN || end === index) return end === OPEN ? OPEN : NONE
  return /\d/.test(w.text.slice(index, end)) || end - index === 1 ? end : NONE
}

/** A town of up to three words. */
function town(w: Window, first: number): number {
  let end = first
  for (let count = 0; count < 2; count++) {
    if (w.open(end + 1)) return OPEN
    if (w.at(end) !== 32 || !isUpper(w.at(end + 1))) break
    const word = wordAt(w, end + 1)
    if (word === OPEN) return OPEN
    if (!/^[A-Z][a-z]+$/.test(w.text.slice(end + 1, word))) break
    end = word
  }
  return end
}

export const addresses: readonly Rule[] = [chineseAddress, labelledAddress, englishAddress]

/**
 * Sums of money in a text.
 * @module
 */
import { foldText } from '../guard/characters.ts'
import type { Slices } from '../slices.ts'

/** A sum; offsets are UTF-16 units of the text. */
interface Amount {
  readonly value: number
  /** ISO 4217, or '' where the text names no currency. */
  readonly currency: string
  readonly start: number
  readonly end: number
}

const signs = new Map(
  Object.entries({
    $: 'USD',
    us$: 'USD',
    usd: 'USD',
    dollar: 'USD',
    dollars: 'USD',
    美元: 'USD',
    美金: 'USD',
    '€': 'EUR',
    eur: 'EUR',
    euro: 'EUR',
    euros: 'EUR',
    欧元: 'EUR',
    '£': 'GBP',
    gbp: 'GBP',
    pounds: 'GBP',
    '¥': 'CNY',
    '￥': 'CNY',
    cny: 'CNY',
    rmb: 'CNY',
    yuan: 'CNY',
    元: 'CNY',
    块: 'CNY',
    人民币: 'CNY',
    hk$: 'HKD',
    hkd: 'HKD',
    港币: 'HKD',
    港元: 'HKD',
  }),
)
const factors = new Map(
  Object.entries({
    k: 1e3,
    thousand: 1e3,
    千: 1e3,
    grand: 1e3,
    m: 1e6,
    mn: 1e6,
    million: 1e6,
    百万: 1e6,
    万: 1e4,
    萬: 1e4,
    亿: 1e8,
    bn: 1e9,
    billion: 1e9,
  }),
)
const before = /(?:us\$|hk\$|[$€£¥]|\b(?:usd|eur|gbp|cny|rmb|hkd)|人民币)\s?$/
const factorAfter = /^\s?(?:thousand|grand|million|billion|mn|bn|[km](?![a-z])|百万|[千万萬亿])/
const signAfter =
  /^\s?(?:dollars?|usd|euros?|eur|pounds|gbp|cny|rmb|yuan|hkd|美元|美金|欧元|人民币|港币|港元|[元块€£])/
const digits = /\d{1,3}(?:[,，]\d{3}){1,4}(?:\.\d{1,2})?|\d{1,12}(?:\.\d{1,4})?/g
/** 四万九千五百: Han numerals with their units. */
const han = /[一二两三四五六七八九十百千万]{2,16}/g
const lookAround = 12

const unitsAtATime = 4096
const amountsAtATime = 256

/** In lower case, every unit where it was. */
function* plainOf(text: string): Slices<string> {
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += unitsAtATime) {
    yield
    const folded = foldText(text.slice(at, at + unitsAtATime))
    const lower = folded.toLowerCase()
    // Lower case can change the length of a few letters: then offsets would be wrong.
    pieces.push(lower.length === folded.length ? lower : folded)
  }
  return pieces.join('')
}

/** Every sum of at least `least` units. Linear time. */
export function* amountsOf(text: string, least = 100): Slices<Amount[]> {
  const plain = yield* plainOf(text)
  const written = yield* readAll(plain, digits, one => Number(one.replace(/[,，]/g, '')), least)
  const spelled = yield* readAll(plain, han, hanValue, least)
  const all: Amount[] = []
  for (let i = 0, k = 0; i + k < written.length + spelled.length; ) {
    if (all.length % amountsAtATime === 0) yield
    const isNext = k === spelled.length || (written[i]?.start ?? plain.length) <= spelled[k]!.start
    all.push(isNext ? written[i++]! : spelled[k++]!)
  }
  return all
}

/** What `form` finds, in the order of the text. */
function* readAll(
  plain: string,
  form: RegExp,
  numberOf: (text: string) => number,
  least: number,
): Slices<Amount[]> {
  const found: Amount[] = []
  let seen = 0
  for (const { 0: text, index } of plain.matchAll(form)) {
    if (seen++ % amountsAtATime === 0) yield
    const amount = read(plain, index, index + text.length, numberOf(text))
    if (amount !== undefined && amount.value >= least) found.push(amount)
  }
  return found
}

function read(text: string, from: number, to: number, number: number): Amount | undefined {
  if (/[\w.]/.test(text[from - 1] ?? ' ') && !before.test(text.slice(Math.max(0, from - 5), from)))
    return undefined
  let value = number
  let end = to
  const factor = factorAfter.exec(text.slice(end, end + lookAround))
  if (factor !== null) {
    const scale = factors.get(factor[0].trim())!
    value *= scale
    end += factor[0].length
    // 4万9, 4万9千: what follows is a tenth of the unit.
    const rest = /^(\d)(?:千|(?!\d))/.exec(text.slice(end, end + 3))
    if (scale === 1e4 && rest !== null) {
      value += Number(rest[1]) * 1e3
      end += rest[0].length
    }
  }
  const head = before.exec(text.slice(Math.max(0, from - lookAround), from))
  const tail = signAfter.exec(text.slice(end, end + lookAround))
  const currency = signs.get(head?.[0].trim() ?? '') ?? signs.get(tail?.[0].trim() ?? '') ?? ''
  if (tail !== null) end += tail[0].length
  return { value, currency, start: head === null ? from : from - head[0].length, end }
}

const units = new Map([
  ['十', 10],
  ['百', 100],
  ['千', 1000],
])
const numerals = '零一二三四五六七八九'

/** 四万九千 → 49000; 0 where it is no number. */
function hanValue(text: string): number {
  let total = 0
  let section = 0
  let digit = 0
  for (const unit of text) {
    const scale = units.get(unit)
    if (unit === '万') {
      total += (section + digit) * 1e4
      section = digit = 0
    } else if (scale !== undefined) {
      section += (digit === 0 ? 1 : digit) * scale
      digit = 0
    } else digit = numerals.indexOf(unit === '两' ? '二' : unit)
  }
  return total + section + digit
}

/**
 * Names of people where the words around them give them away.
 * @module
 */
import { ALNUM, classOf, HAN } from './characters.ts'
import {
  commonWords,
  givenNames,
  notNames,
  pinyinSurnames,
  surnames,
  twoPartSurnames,
} from './name-lists.ts'
import { AT_CAPITAL, AT_HAN, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

/** After these a capitalised word is a name. */
const strongBefore =
  /(?:^|[^a-z])(?:(?:mr|mrs|ms|dr|prof)\.? |miss |dear (?:mr|mrs|ms|dr)\.? |my name is |name's |(?:full|first|last|customer|client|patient|employee|contact|account|holder|legal|real|sender|recipient)[ _-]?name["']?\s?[:=]\s?["']?|(?:patient|cardholder|beneficiary|recipient|signed|attn|attention|employee|client|customer|applicant|contact|prepared by|approved by|reported by|author)\s?: ?["']?|sincerely,\s|regards,\s)$/
/** After these it is a name if it is one that people have. */
const weakBefore =
  /(?:^|[^a-z])(?:dear |hi |hello |hey |i am |i'm |i, |its |it's |this is |named |called |by |from |to:? |with |for |and |contact |ask |tell |call |patient |client |customer |employee |colleague |(?:user)?name["']?\s?[:=]\s?["']?)$/

/** Letters of Latin up to ſ: 1 upper case, 2 lower case. Of every unit: no look-up is out of it. */
const letterCase = new Uint8Array(65_536)
for (let unit = 0; unit < 0x180; unit++) {
  const letter = String.fromCharCode(unit)
  if (letter.toLowerCase() !== letter) letterCase[unit] = 1
  else if (letter.toUpperCase() !== letter) letterCase[unit] = 2
}

const isUpper = (unit: number): boolean => unit >= 0 && letterCase[unit] === 1
const isLower = (unit: number): boolean => unit >= 0 && letterCase[unit] === 2
const mostWords = 4
const longestWord = 20

/** A capitalised word or an initial at `at`; NONE where there is none. */
function nameWord(w: Window, at: number): number {
  if (!isUpper(w.at(at))) return w.open(at) ? OPEN : NONE
  let end = at + 1
  let lower = 0
  while (end - at < longestWord) {
    const unit = w.at(end)
    if (isLower(unit)) lower++
    else if (!((isUpper(unit) || unit === 0x27 || unit === 0x2d) && isLetter(w.at(end + 1)))) break
    end++
  }
  if (w.open(end + 1)) return OPEN
  if (lower === 0) return w.at(end) === 0x2e && end === at + 1 ? end + 1 : NONE
  return w.alnum(end) || w.at(end) === 0x5f ? NONE : end
}

const isLetter = (unit: number): boolean => unit >= 0 && letterCase[unit] !== 0

/** Reads "John", "J. Smith", "Mary Ann O'Neil". */
function readName(w: Window, at: number): { end: number; words: string[] } | number {
  const words: string[] = []
  let end = NONE
  let index = at
  while (words.length < mostWords) {
    const next = nameWord(w, index)
    if (next === OPEN) return OPEN
    if (next === NONE) break
    const word = w.text.slice(index, next).toLowerCase()
    if (commonWords.has(word)) break
    words.push(word)
    end = next
    if (w.at(end) !== 32) break
    index = end + 1
  }
  if (end < 0) return NONE
  // An initial alone, or at the end, is no name.
  return w.text[end - 1] === '.' ? NONE : { end, words }
}

const isKnown = (word: string): boolean => givenNames.has(word) || pinyinSurnames.has(word)

/** The last words of what may stand before a name: most capitals have none of them before. */
const triggers = new Set(
  (
    'mr mrs ms dr prof miss is s name patient cardholder beneficiary recipient signed attn ' +
    'attention employee client customer applicant contact by author sincerely regards dear hi ' +
    'hello hey i its am m named called from to with for and ask tell call colleague username'
  ).split(' '),
)

const longestTrigger = 12
/** 1 at the length and last letter of a trigger: most words need not be cut out. */
const triggerShapes = new Uint8Array((longestTrigger + 1) * 32)
const shapeOf = (length: number, last: number): number => length * 32 + (last & 31)
for (const word of triggers)
  triggerShapes[shapeOf(word.length, word.charCodeAt(word.length - 1))] = 1

/** A trigger is the word in front of `at`, over at most six marks and blanks. */
function isTriggered(w: Window, at: number): boolean {
  let end = at
  while (end > 0 && at - end < 6 && !isLetter(w.at(end - 1))) end--
  let start = end
  while (start > 0 && end - start < longestTrigger && isLetter(w.at(start - 1))) start--
  if (start === end || triggerShapes[shapeOf(end - start, w.at(end - 1))] === 0) return false
  return triggers.has(w.text.slice(start, end).toLowerCase())
}

const englishName: Rule = {
  category: 'person_name',
  name: 'english_name',
  starts: AT_CAPITAL,
  score: 0.7,
  scan(w, at) {
    if (!isTriggered(w, at)) return NONE
    const before = w.before(at, 28)
    const strong = strongBefore.test(before)
    if (!strong && !weakBefore.test(before)) return NONE
    const name = readName(w, at)
    if (typeof name === 'number') return name
    if (strong) return name.end
    return name.words.length > 1 && name.words.some(isKnown) ? name.end : NONE
  },
}

const chineseBefore =
  /(?:姓\s?名|名字|我叫|我是|这是|本人|名叫|叫做|联系人|收件人|收货人|寄件人|发件人|客户|患者|病人|户主|开户名|户名|持卡人|法定代表人|法人|负责人|经办人|申请人|被保险人|投保人|受益人|员工|同事|嫌疑人|被告人?|原告|证人|甲方|乙方|签名|签字|签署人|借款人|担保人|学生|家长|经理|医生|老师)["'”]?[:：,， 是为叫]{0,2}["'“]?$/
/** The name of a field; its value is a name where it is one to its end. */
const keyBefore =
  /(?:user|real|full|cust|customer|client|contact|owner|holder|patient|emp|employee|sender|receiver|recipient|consignee|payer|payee|buyer|legal|stu|student|teacher|member|guest|person|applicant|insured|chinese|cn)[ _-]?name["']?\s?[:=]\s?["']?$/
const keyEnds = new Uint8Array(65_536)
for (const unit of '"\'=: ') keyEnds[unit.charCodeAt(0)] = 1
const titles = ['先生', '女士', '小姐', '同志']
const jobs = [
  '经理',
  '总监',
  '主任',
  '教授',
  '医生',
  '律师',
  '老师',
  '同学',
  '博士',
  '院长',
  '主管',
]
/** Behind a name of two characters. */
const surelyPeople = ['医生', '律师', '教授', '博士', '主任', '院长', '经理', '总监']
/** Characters that end a sentence's subject rather than a given name. */
const notGiven =
  '的了是在和与及或等从到住电身手先女同经总主教医律老说称表要想有已于将被把让给对向因为所以这那也都还就可会能请您你我他她它们吗呢吧啊，。今昨上下不没很最更又再之其各每部处科局司级课门行区店厂项目部银人级通系联地邮年月日号班组队院校层室副助'
const notGivenSet = new Set([...notGiven].map(unit => unit.charCodeAt(0)))

const isGiven = (w: Window, at: number): boolean =>
  at < w.text.length && (classOf(w.text.charCodeAt(at)) & HAN) !== 0 && !notGivenSet.has(w.at(at))

const chineseName: Rule = {
  category: 'person_name',
  name: 'chinese_name',
  starts: AT_HAN,
  firsts: surnames,
  score: 0.75,
  scan(w, at) {
    if (!surnames.has(w.text.charCodeAt(at))) return NONE
    if (w.open(at + 1)) return OPEN
    const given = twoPartSurnames.has(w.text.slice(at, at + 2)) ? at + 2 : at + 1
    if (w.open(given)) return OPEN
    if (!isGiven(w, given) || notNames.has(w.text.slice(at, at + 2))) return NONE
    if (chineseBefore.test(w.before(at, 12))) return afterLabel(w, given)
    if (keyEnds[w.at(at - 1)] === 1 && keyBefore.test(w.before(at, 28))) return wholeName(w, given)
    return beforeTitle(w, given)
  },
}

/** After a label: one given character, or two where the second can be one. */
function afterLabel(w: Window, given: number): number {
  if (w.open(given + 1)) return OPEN
  for (const title of titles) {
    const spelled = w.spells(title, given + 1)
    if (spelled !== 0) return spelled < 0 ? OPEN : given + 1
  }
  return isGiven(w, given + 1) ? given + 2 : given + 1
}

/** In a field: one or two given characters and the end of the value. */
function wholeName(w: Window, given: number): number {
  if (w.open(given + 2)) return OPEN
  const end = isGiven(w, given + 1) ? given + 2 : given + 1
  return classOf(w.text.charCodeAt(end)) & (HAN | ALNUM) ? NONE : end
}

/** Before a title: the title says where the name ends. */
function beforeTitle(w: Window, given: number): number {
  for (const length of [1, 2]) {
    const end = given + length
    for (const title of titles) {
      const spelled = w.spells(title, end)
      if (spelled < 0) return OPEN
      if (spelled > 0) return end
    }
    for (const job of length === 1 ? surelyPeople : jobs) {
      const spelled = w.spells(job, end)
      if (spelled < 0) return OPEN
      if (spelled > 0) return end
    }
    if (w.open(end)) return OPEN
    if (!isGiven(w, end)) return NONE
  }
  return NONE
}

export const names: readonly Rule[] = [englishName, chineseName]

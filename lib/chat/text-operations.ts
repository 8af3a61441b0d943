/**
 * Python's string operations on marked text.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text, TextBuilder } from './marked-text.ts'
import { characters, type Value } from './values.ts'

/** What str.isspace() accepts; JavaScript's \s differs at U+FEFF, U+0085, U+001C … U+001F. */
const whiteSpace = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007' +
    '\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)
const lineEnds = new RegExp(`\r\n|[${'\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029'}]`, 'g')

const wordEnds = `[-({[<${[...whiteSpace].join('')}]`
const wordStarts = new RegExp(`(${wordEnds}*)(.)([^${wordEnds.slice(1)}*)`, 'gsu')

/** What cutting one part out costs. */
const stepsPerPart = 3

const hasSurrogates = /[\ud800-\udfff]/

/** Length in code points, Python's len(). */
export function lengthOf(text: Text): number {
  if (!hasSurrogates.test(text.value)) return text.length
  let pairs = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.value.charCodeAt(i)
    if (unit >= 0xdc00 && unit <= 0xdfff) pairs++
  }
  return text.length - pairs
}

export function isSpace(text: Text): boolean {
  return text.length > 0 && [...text.value].every(char => whiteSpace.has(char))
}

/** strip(), lstrip() and rstrip(): `chars` null means white space. */
export function strip(
  budget: Budget,
  text: Text,
  chars: Text | null,
  left: boolean,
  right: boolean,
) {
  budget.chars(text.length)
  const set = chars === null ? null : new Set(chars.value)
  const drops = (char: string) => (set === null ? whiteSpace.has(char) : set.has(char))
  const { value } = text
  let start = 0
  let end = value.length
  while (left && start < end) {
    const char = String.fromCodePoint(value.codePointAt(start)!)
    if (!drops(char)) break
    budget.spend(1)
    start += char.length
  }
  while (right && end > start) {
    const pair = end - start > 1 && value.codePointAt(end - 2)! > 0xffff
    const char = value.slice(end - (pair ? 2 : 1), end)
    if (!drops(char)) break
    budget.spend(1)
    end -= char.length
  }
  return text.slice(start, end)
}

/** Offsets at which `needle` stands in `text`, not overlapping, at most `limit` of them. */
export function occurrences(budget: Budget, text: Text, needle: Text, limit: number): number[] {
  if (needle.length === 0) throw templateError('empty separator')
  budget.search(text.length, needle.length)
  const found: number[] = []
  let at = text.value.indexOf(needle.value)
  while (at >= 0 && found.length < limit) {
    budget.spend(stepsPerPart)
    found.push(at)
    at = text.value.indexOf(needle.value, at + needle.length)
  }
  return found
}

/** split(): `limit` cuts at most, −1 for all. */
export function split(budget: Budget, text: Text, separator: Text | null, limit: number): Text[] {
  const most = limit < 0 ? Number.POSITIVE_INFINITY : limit
  if (separator === null) return splitWords(budget, text, most)
  return cut(text, occurrences(budget, text, separator, most), separator.length)
}

/** rsplit() with a separator. */
export function splitRight(budget: Budget, text: Text, separator: Text, limit: number): Text[] {
  const all = occurrences(budget, text, separator, Number.POSITIVE_INFINITY)
  return cut(text, limit < 0 ? all : all.slice(Math.max(0, all.length - limit)), separator.length)
}

function cut(text: Text, offsets: readonly number[], width: number): Text[] {
  let start = 0
  const parts = offsets.map(at => {
    const part = text.slice(start, at)
    start = at + width
    return part
  })
  parts.push(text.slice(start))
  return parts
}

function splitWords(budget: Budget, text: Text, most: number): Text[] {
  budget.chars(text.length)
  const words: Text[] = []
  let at = 0
  while (true) {
    const from = at
    while (at < text.length && whiteSpace.has(text.value[at]!)) at++
    budget.spend((at - from) / 4 + stepsPerPart)
    if (at >= text.length) return words
    if (words.length >= most) {
      words.push(strip(budget, text.slice(at), null, false, true))
      return words
    }
    const start = at
    while (at < text.length && !whiteSpace.has(text.value[at]!)) at++
    budget.spend((at - start) / 4)
    words.push(text.slice(start, at))
  }
}

export function splitLines(budget: Budget, text: Text, keepEnds: boolean): Text[] {
  budget.chars(text.length)
  const lines: Text[] = []
  let start = 0
  for (const match of text.value.matchAll(lineEnds)) {
    budget.spend(stepsPerPart)
    const end = match.index + match[0].length
    lines.push(text.slice(start, keepEnds ? end : match.index))
    start = end
  }
  if (start < text.length) lines.push(text.slice(start))
  return lines
}

/** replace(): `limit` replacements at most, −1 for all. */
export function replace(budget: Budget, text: Text, from: Text, to: Text, limit: number): Text {
  const most = limit < 0 ? Number.POSITIVE_INFINITY : limit
  if (from.length === 0) return interleave(budget, text, to, most)
  const offsets = occurrences(budget, text, from, most)
  budget.chars(text.length + offsets.length * to.length)
  return Text.join(cut(text, offsets, from.length), to)
}

/** Python puts the replacement of '' before every character and at the end. */
function interleave(budget: Budget, text: Text, to: Text, most: number): Text {
  budget.each(text.length)
  budget.chars(text.length * (to.length + 1))
  const out = new TextBuilder()
  const parts = characters(text)
  parts.forEach((part, i) => {
    if (i < most) out.add(to)
    out.add(part)
  })
  if (parts.length < most) out.add(to)
  return out.text()
}

export function join(budget: Budget, parts: readonly Text[], separator: Text): Text {
  let length = separator.length * Math.max(0, parts.length - 1)
  for (const part of parts) length += part.length
  budget.chars(length)
  budget.spend(parts.length)
  return Text.join(parts, separator)
}

/** str.title(): a capital after every character that is no letter. */
export function title(budget: Budget, text: Text): Text {
  budget.each(text.length)
  return text.withValue(
    text.value.replace(/\p{L}+/gu, word => {
      const first = String.fromCodePoint(word.codePointAt(0)!)
      return first.toUpperCase() + word.slice(first.length).toLowerCase()
    }),
  )
}

/** Jinja's title filter: a capital after white space, hyphens and opening brackets. */
export function titleFilter(budget: Budget, text: Text): Text {
  budget.each(text.length)
  const value = text.value.replace(wordStarts, (_, before: string, first: string, rest: string) => {
    return before + first.toUpperCase() + rest.toLowerCase()
  })
  return text.withValue(value)
}

export function capitalize(text: Text): Text {
  if (text.length === 0) return text
  const first = String.fromCodePoint(text.value.codePointAt(0)!)
  return text.withValue(first.toUpperCase() + text.value.slice(first.length).toLowerCase())
}

/** Python's slice [start:stop:step] of a text or a list. */
export function slice(
  budget: Budget,
  value: Text | Value[],
  start: number | null,
  stop: number | null,
  step: number,
): Text | Value[] {
  if (step === 0) throw templateError('slice step cannot be zero')
  if (value instanceof Text) budget.chars(value.length)
  const simple = value instanceof Text && step === 1 && !hasSurrogates.test(value.value)
  if (!simple) budget.each(value.length)
  const items: readonly Value[] = simple ? [] : value instanceof Text ? characters(value) : value
  const length = simple ? value.length : items.length
  const clamp = (at: number, low: number, high: number) =>
    Math.min(Math.max(at < 0 ? at + length : at, low), high)
  const forward = step > 0
  const from =
    start === null
      ? forward
        ? 0
        : length - 1
      : clamp(start, forward ? 0 : -1, forward ? length : length - 1)
  const to =
    stop === null
      ? forward
        ? length
        : -1
      : clamp(stop, forward ? 0 : -1, forward ? length : length - 1)
  if (simple) return (value as Text).slice(from, to)
  const picked: Value[] = []
  for (let at = from; forward ? at < to : at > to; at += step) picked.push(items[at])
  return value instanceof Text ? join(budget, picked as Text[], Text.empty) : picked
}

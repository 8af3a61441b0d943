/**
 * Regular expressions from tokenizer.json run on the caller's text, so one that can take more than
 * linear time is refused.
 * @module
 */
import { isLinear } from './linear-pattern.ts'
import { invalidFile, isObject, unsupportedPart } from './tokenizer-file.ts'

const maxPatternLength = 4096
const maxRepetition = 256

/** Checks every `{ Regex: … }` inside a part of the file. */
export function checkPatterns(part: unknown, where: string, depth = 0): void {
  if (depth > 32) throw invalidFile(`"${where}" is nested too deeply`)
  if (Array.isArray(part)) {
    for (const item of part) checkPatterns(item, where, depth + 1)
  } else if (isObject(part)) {
    if (typeof part.Regex === 'string') checkPattern(part.Regex, where)
    for (const value of Object.values(part)) checkPatterns(value, where, depth + 1)
  }
}

/**
 * No group repeated without a bound, no back-reference, no look-behind, and no loop that can be
 * asked back.
 */
function checkPattern(source: string, where: string): void {
  if (source.length > maxPatternLength) throw invalidFile(`a pattern in "${where}" is too long`)
  // Classes and escapes hide brackets and quantifiers that mean themselves.
  const bare = source
    .replace(/\\[pP]\{[^}]*\}|\\[^1-9k]/g, 'x')
    .replace(/\[(?:[^\]\\]|\\.)*\]/g, 'x')
  const repeatedGroup = /\)(?:[*+]|\{\d*,?(?:\}|\d{3,}))/
  const backReference = /\\[1-9k]/
  const lookBehind = /\(\?<[=!]/
  const hazard = [repeatedGroup, backReference, lookBehind].some(test => test.test(bare))
  const repetitions = bare.matchAll(/\{(\d+)(?:,(\d*))?\}/g)
  const tooMany = [...repetitions].some(
    ([, from, to]) => Number(from) > maxRepetition || Number(to ?? 0) > maxRepetition,
  )
  if (hazard || tooMany || !isLinear(source)) throw unsupportedPart(where, source)
}

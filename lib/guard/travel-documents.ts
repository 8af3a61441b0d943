/**
 * Passports and permits: a form without a check, so they count where they are named.
 * @module
 */
import { AT_CODE, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

const named =
  /passport|护照|護照|通行证|通行證|回乡证|回鄉證|台胞证|臺胞證|travel document|travel permit|签注/

const forms = [
  // China: E12345678, EA1234567; Hong Kong and Macao: K12345678, KJ1234567; permits: C, H, M.
  ['LDDDDDDDDDD', 11],
  ['LDDDDDDDD', 9],
  ['LLDDDDDDD', 9],
  // Taiwan and many others: nine digits; permits for Taiwan: eight.
  ['DDDDDDDDD', 9],
  ['DDDDDDDD', 8],
  ['LDDDDDDD', 8],
] as const

/** Of the first part, where blanks divide the number. */
const shortestPart = 5
const longestPart = 24
/** Where all of it are digits. */
const shortestNumber = 8

/** Fewer digits than any form has, and no more behind a blank or hyphen. */
function isShortNumber(w: Window, at: number): boolean {
  const { wordEnd: end } = w
  if (end - at >= shortestNumber || w.at(at) > 0x39) return false
  const next = w.at(end)
  return next !== 32 && next !== 0x2d && next !== 10 && next !== 13
    ? w.wordIsPlain()
    : w.at(end + 1) > 0x39 && w.wordIsPlain()
}

const travelDocument: Rule = {
  category: 'travel_document',
  name: 'travel_document',
  starts: AT_CODE,
  score: 0.85,
  scan(w, at) {
    if (w.wordEnd - at < shortestPart || w.wordEnd - at > longestPart) return NONE
    if (isShortNumber(w, at)) return NONE
    if (!named.test(w.before(at, 32))) return NONE
    for (const [form, length] of forms) {
      const { code } = w
      if (!code.read(w, at, form)) return OPEN
      if (length === 11 && !/^[HM]/.test(code.take(0, 1))) continue
      const end = code.end(w, length)
      if (end !== NONE) return end
    }
    return NONE
  },
}

export const travelDocuments: readonly Rule[] = [travelDocument]

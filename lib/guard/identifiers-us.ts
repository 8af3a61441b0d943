/**
 * Social security numbers.
 * @module
 */
import { BY_HYPHEN, BY_SPACE } from './number-reading.ts'
import { AT_NUMBER, NONE, OPEN, type Rule } from './rule.ts'

const named = /\bssn|social security|社会安全号|社会保障号/

/** No check digit exists: the grouping decides, or the name before it. */
const socialSecurity: Rule = {
  category: 'us_ssn',
  name: 'us_ssn',
  starts: AT_NUMBER,
  score: 0.85,
  scan(w, at) {
    const { number } = w
    if (!number.closed) return OPEN
    if (!number.endsAt(w.text, 9)) return NONE
    const area = number.value(0, 3)
    if (area === 0 || area === 666 || area >= 900) return NONE
    if (number.value(3, 5) === 0 || number.value(5, 9) === 0) return NONE
    const shape = number.shape(9)
    const kinds = number.separatorsWithin(9)
    const hyphened = shape === '3-2-4' && kinds === BY_HYPHEN
    if (hyphened && !(number.count > 9 && number.between[9] === BY_HYPHEN)) return number.ends[8]!
    const plain = shape === '9' || (shape === '3-2-4' && (kinds & ~(BY_SPACE | BY_HYPHEN)) === 0)
    return (plain || shape === '1-1-1-1-1-1-1-1-1') && named.test(w.before(at, 32))
      ? number.ends[8]!
      : NONE
  },
}

export const americanIdentifiers: readonly Rule[] = [socialSecurity]

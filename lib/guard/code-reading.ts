/**
 * Letters and digits that fit a form, seen through spaces, hyphens and invisible characters.
 * @module
 */
import { ALNUM, classOf, foldOf, INVISIBLE, upperOf } from './characters.ts'
import { OPEN } from './rule.ts'
import type { Window } from './window.ts'

/** What was read: upper-case letters and digits, and the index behind each. */
export interface CodeReading {
  readonly code: string
  readonly ends: readonly number[]
}

const mostBetween = 10

const isSeparator = (unit: number): boolean =>
  unit === 32 || unit === 0x2d || unit === 0x2010 || unit === 0x2011 || unit === 10 || unit === 13

/** Does `unit` (upper case) fit a letter of a form: D digit, L letter, C either? */
function fits(unit: number, form: string): boolean {
  const digit = unit >= 0x30 && unit <= 0x39
  if (form === 'D') return digit
  const letter = unit >= 0x41 && unit <= 0x5a
  return form === 'L' ? letter : letter || digit
}

/**
 * Reads from `at` as far as `form` fits. OPEN where the form is not filled and more may come.
 * The longest reading is as long as the form.
 */
export function readCode(w: Window, at: number, form: string): CodeReading | typeof OPEN {
  let code = ''
  const ends: number[] = []
  let between = 0
  let visible = 0
  let index = at
  while (code.length < form.length) {
    if (index >= w.text.length) return w.final ? { code, ends } : OPEN
    const raw = w.text.charCodeAt(index)
    const bits = classOf(raw)
    if (bits & ALNUM) {
      const unit = upperOf(foldOf(raw))
      if (!fits(unit, form[code.length]!)) break
      code += String.fromCharCode(unit)
      ends.push(index + 1)
      between = visible = 0
    } else if (bits & INVISIBLE || (isSeparator(foldOf(raw)) && visible++ < 2)) {
      if (++between > mostBetween) break
    } else break
    index++
  }
  return { code, ends }
}

/** The end of the first `count` characters, -1 where a letter or digit follows at once. */
export function codeEnd(w: Window, reading: CodeReading, count: number): number {
  if (reading.ends.length < count) return -1
  const end = reading.ends[count - 1]!
  if (w.open(end)) return OPEN
  return w.alnum(end) ? -1 : end
}

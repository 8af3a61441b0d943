/**
 * Letters and digits that fit a form, seen through spaces, hyphens and invisible characters.
 * @module
 */
import { ALNUM, classOf, foldOf, INVISIBLE, upperOf } from './characters.ts'
import { OPEN } from './rule.ts'
import type { Window } from './window.ts'

/** More characters than any form has. */
const longestForm = 40
const mostBetween = 10

const separators = new Uint8Array(65_536)
for (const unit of ' -\u2010\u2011\n\r') separators[unit.charCodeAt(0)] = 1

/** True for what may stand between two characters of a code; folded. */
export const separatesCode = (unit: number): boolean => unit >= 0 && separators[unit] !== 0

/** Does `unit` (upper case) fit a letter of a form: D digit, L letter, C either? */
function fits(unit: number, form: number): boolean {
  const digit = unit >= 0x30 && unit <= 0x39
  if (form === 0x44) return digit
  const letter = unit >= 0x41 && unit <= 0x5a
  return form === 0x4c ? letter : letter || digit
}

/** What was read: upper-case letters and digits. It is reused: one lives in each window. */
export class CodeReading {
  /** How many characters of the form were there. */
  count = 0
  readonly #units = new Uint8Array(longestForm)
  /** Index behind character k. */
  readonly #ends = new Int32Array(longestForm)

  /**
   * Reads from `at` as far as `form` fits. False where the form is not filled and more may come.
   * The longest reading is as long as the form.
   */
  read(w: Window, at: number, form: string): boolean {
    this.count = 0
    let between = 0
    let visible = 0
    for (let index = at; this.count < form.length; index++) {
      if (index >= w.text.length) return w.final
      const raw = w.text.charCodeAt(index)
      const bits = classOf(raw)
      if (bits & ALNUM) {
        const unit = upperOf(foldOf(raw))
        if (!fits(unit, form.charCodeAt(this.count))) return true
        this.#units[this.count] = unit
        this.#ends[this.count++] = index + 1
        between = visible = 0
      } else if (bits & INVISIBLE || (separatesCode(foldOf(raw)) && visible++ < 2)) {
        if (++between > mostBetween) return true
      } else return true
    }
    return true
  }

  /** Character `k`. */
  at(k: number): number {
    return this.#units[k]!
  }

  /** The characters from `from` to `to`. */
  take(from: number, to: number): string {
    let out = ''
    for (let k = from; k < to; k++) out += String.fromCharCode(this.#units[k]!)
    return out
  }

  /** Index behind the first `count` characters. */
  behind(count: number): number {
    return this.#ends[count - 1]!
  }

  /** Bytes in hexadecimal, with something between any two: `91 44 03 00`. */
  isDump(count: number): boolean {
    for (let k = 0; k < count; k++) {
      if (this.#units[k]! > 0x46) return false
      const isApart = k === 0 || this.#ends[k]! > this.#ends[k - 1]! + 1
      if (k > 0 && isApart !== (k % 2 === 0)) return false
    }
    return true
  }

  /** The end of the first `count` characters, -1 where a letter or digit follows at once. */
  end(w: Window, count: number): number {
    if (this.count < count) return -1
    const end = this.behind(count)
    if (w.open(end)) return OPEN
    return w.alnum(end) ? -1 : end
  }
}

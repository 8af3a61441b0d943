/**
 * Checks of what a caller passes: every number is finite, in range and whole where it must be.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** How a value reads in a message, short whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

/** An `invalid_request` that names the option, what was expected and what came. */
export function invalid(name: string, expected: string, value: unknown): ConclaveError {
  return new ConclaveError(
    'invalid_request',
    `Expected ${name} to be ${expected}, but got ${shown(value)}.`,
    { option: name },
  )
}

export interface Range {
  min: number
  max: number
  integer?: boolean
}

/** `value` as a number within `range`, −0 as 0. */
export function checkNumber(name: string, value: unknown, range: Range): number {
  const { min, max, integer = false } = range
  const fits =
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    (!integer || Number.isSafeInteger(value))
  if (!fits) throw invalid(name, `${integer ? 'a whole' : 'a'} number from ${min} to ${max}`, value)
  return value + 0
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}

export function checkString(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(name, 'a string', value)
  return value
}

export function checkChoice<T extends string>(
  name: string,
  value: unknown,
  choices: readonly T[],
): T {
  if (!choices.includes(value as T))
    throw invalid(name, `one of ${choices.map(c => `'${c}'`).join(', ')}`, value)
  return value as T
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal))
    throw invalid('signal', 'an AbortSignal', value)
  return value
}

/**
 * Throws where `options` is no plain object or has a key outside `known`, naming the nearest known
 * one.
 */
export function checkNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalid('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const [best] = known
      .map(candidate => ({ candidate, edits: distance(name.slice(0, 64), candidate) }))
      .sort((a, b) => a.edits - b.edits)
    throw new ConclaveError(
      'invalid_request',
      `Expected a known option, but got ${shown(name)}. The nearest is '${best?.candidate}'.`,
      { option: name, nearest: best?.candidate },
    )
  }
}

/** Edits between two names without regard to case or underscores. */
function distance(from: string, to: string): number {
  const a = from.toLowerCase().replaceAll('_', '')
  const b = to.toLowerCase()
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)),
      )
    row = next
  }
  return row[b.length]!
}

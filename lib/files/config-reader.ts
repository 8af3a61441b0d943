/**
 * Typed reading of one JSON object that is not trusted. Every refusal names the key, what it holds
 * and what was expected.
 * @module
 */
import { ConclaveError } from '../errors.ts'

/** Bounds of a number, both included. */
export interface Range {
  readonly min: number
  readonly max: number
}

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value for an error message: short, and never a walk through nested data. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

/** Reads keys of one object; `where` names the file (and the key that holds the object). */
export class ConfigReader {
  readonly where: string
  readonly #raw: Record<string, unknown>

  constructor(raw: unknown, where: string) {
    if (!isObject(raw)) {
      throw new ConclaveError(
        'invalid_config',
        `Expected ${where} to be an object, but it is ${shown(raw)}.`,
      )
    }
    this.where = where
    this.#raw = raw
  }

  /** The own value of a key; undefined where it is absent. Keys of the prototype are not keys. */
  get(key: string): unknown {
    return Object.hasOwn(this.#raw, key) ? this.#raw[key] : undefined
  }

  /** True where the key is there and not null. */
  has(key: string): boolean {
    return this.get(key) !== undefined && this.get(key) !== null
  }

  /** An integer; `fallback` stands in for an absent key. */
  int(key: string, { min, max }: Range, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number
    }
    throw this.refuse(key, `an integer from ${min} to ${max}`)
  }

  /** A finite number; `fallback` stands in for an absent key. */
  number(key: string, { min, max }: Range, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (typeof value === 'number' && value >= min && value <= max) return value
    throw this.refuse(key, `a number from ${min} to ${max}`)
  }

  /** A finite number, or null where the key is absent or null. */
  numberOrNull(key: string, range: Range): number | null {
    return this.has(key) ? this.number(key, range) : null
  }

  bool(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback
    if (typeof value === 'boolean') return value
    throw this.refuse(key, 'true or false')
  }

  /** A string, or null where the key is absent or null. */
  stringOrNull(key: string): string | null {
    const value = this.get(key) ?? null
    if (value === null || typeof value === 'string') return value
    throw this.refuse(key, 'a string')
  }

  /** A list of integers; an absent key is an empty list. One integer counts as a list of one. */
  ints(key: string, { min, max }: Range): number[] {
    const value = this.get(key) ?? []
    const list: unknown[] = Array.isArray(value) ? value : [value]
    const valid = (x: unknown) =>
      Number.isSafeInteger(x) && (x as number) >= min && (x as number) <= max
    if (list.length <= 65_536 && list.every(valid)) return list as number[]
    throw this.refuse(key, `integers from ${min} to ${max}`)
  }

  /** A list of finite numbers. */
  numbers(key: string, { min, max }: Range): number[] {
    const list = this.get(key)
    const valid = (x: unknown) => typeof x === 'number' && x >= min && x <= max
    if (Array.isArray(list) && list.length <= 65_536 && list.every(valid)) return list as number[]
    throw this.refuse(key, `a list of numbers from ${min} to ${max}`)
  }

  /** The first of several spellings of one key that is there; throws where two disagree. */
  spelling(...keys: string[]): string {
    const there = keys.filter(key => this.has(key))
    const [first, second] = there
    if (first !== undefined && second !== undefined && this.get(first) !== this.get(second)) {
      throw this.refuse(second, `the same value as "${first}" (${shown(this.get(first))})`)
    }
    return first ?? (keys[0] as string)
  }

  refuse(key: string, expected: string): ConclaveError {
    const value = this.get(key)
    const came = value === undefined ? 'it is missing' : `it is ${shown(value)}`
    return new ConclaveError(
      'invalid_config',
      `Expected "${key}" in ${this.where} to be ${expected}, but ${came}.`,
      {
        key,
        expected,
        actual: typeof value === 'object' ? shown(value) : (value ?? null),
      },
    )
  }

  unsupported(key: string, sentence: string): ConclaveError {
    return new ConclaveError(
      'unsupported_model',
      `"${key}" in ${this.where} is ${shown(this.get(key))}: ${sentence}`,
      { key },
    )
  }
}

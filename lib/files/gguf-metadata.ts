/**
 * The metadata of a GGUF file, read by key and type.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { GgufMetadata } from '../native.ts'
import { shown } from './config-reader.ts'

const integerTypes = new Set(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'])
const numberTypes = new Set([...integerTypes, 'f32', 'f64'])

/** Reads keys; each method throws `invalid_config` for a value of another type. */
export class GgufKeys {
  readonly where: string
  readonly #entries: ReadonlyMap<string, GgufMetadata>

  /** `where` names the file in errors. */
  constructor(entries: readonly GgufMetadata[], where: string) {
    this.where = where
    this.#entries = new Map(entries.map(entry => [entry.key, entry]))
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  string(key: string): string {
    return this.stringOrNull(key) ?? this.#refuse(key, 'a string')
  }

  stringOrNull(key: string): string | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return typeof entry.value === 'string' ? entry.value : this.#refuse(key, 'a string')
  }

  /** An integer of any width; a float is refused whatever its value. */
  int(key: string): number {
    return this.intOrNull(key) ?? this.#refuse(key, 'an integer')
  }

  intOrNull(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const fits = integerTypes.has(entry.type) && Number.isSafeInteger(entry.value)
    return fits ? (entry.value as number) : this.#refuse(key, 'an integer')
  }

  /** An integer, or an array with one for each layer, all alike. */
  sameInt(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry?.type !== 'array') return this.intOrNull(key)
    const [first, ...rest] = this.numbers(key) ?? []
    if (first === undefined) return this.#refuse(key, 'an integer')
    if (rest.every(n => n === first)) return first
    throw new ConclaveError(
      'unsupported_model',
      `"${key}" in ${this.where} differs from layer to layer, which is not implemented.`,
      { key },
    )
  }

  number(key: string): number {
    return this.numberOrNull(key) ?? this.#refuse(key, 'a number')
  }

  numberOrNull(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const fits = numberTypes.has(entry.type) && Number.isFinite(entry.value)
    return fits ? (entry.value as number) : this.#refuse(key, 'a number')
  }

  boolOrNull(key: string): boolean | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return typeof entry.value === 'boolean' ? entry.value : this.#refuse(key, 'true or false')
  }

  strings(key: string): readonly string[] | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return Array.isArray(entry.value) ? entry.value : this.#refuse(key, 'a list of strings')
  }

  /** How many elements an array has, of any type; null where the key is absent. */
  count(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const isList = Array.isArray(entry.value) || entry.value instanceof Float64Array
    return isList ? (entry.value as ArrayLike<unknown>).length : this.#refuse(key, 'a list')
  }

  /** Integers of an array. */
  numbers(key: string): Float64Array | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const fits = integerTypes.has(entry.element) && entry.value instanceof Float64Array
    return fits ? (entry.value as Float64Array) : this.#refuse(key, 'a list of integers')
  }

  #refuse(key: string, expected: string): never {
    const entry = this.#entries.get(key)
    const came =
      entry === undefined
        ? 'it is missing'
        : entry.type === 'array'
          ? `it is an array of ${entry.element}`
          : `it is the ${entry.type} ${shown(entry.value)}`
    throw new ConclaveError(
      'invalid_config',
      `Expected "${key}" in ${this.where} to be ${expected}, but ${came}.`,
      { key, expected },
    )
  }
}

/**
 * The values that a template computes with: Python's, in plain data. No host object is among them.
 * @module
 */
import { type Budget, templateError } from './budget.ts'
import { Text } from './marked-text.ts'

/** undefined is Jinja's undefined, null is None. An integral float is a {@link Float}. */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | Float
  | Text
  | Value[]
  | Dict
  | Namespace
  | Callable

/** A float without a fraction, which Python prints as 1.0. */
export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** A list that prints in parentheses. */
export class Tuple extends Array<Value> {
  /** What map and filter make of it is a plain list. */
  static override get [Symbol.species]() {
    return Array
  }
}

/** Attributes that `{% set ns.x = … %}` changes; also a loop's `loop`, which it may not change. */
export class Namespace {
  readonly attributes: Map<string, Value>
  readonly writable: boolean
  constructor(attributes: Map<string, Value>, writable: boolean) {
    this.attributes = attributes
    this.writable = writable
  }
}

export interface Arguments {
  positional: Value[]
  named: Map<string, Value>
}

export type Run = (budget: Budget, args: Arguments) => Value

export class Callable {
  readonly run: Run
  constructor(run: Run) {
    this.run = run
  }
}

/** A mapping in insertion order; keys keep their marks. */
export class Dict {
  readonly #entries = new Map<string, [Value, Value]>()

  get size(): number {
    return this.#entries.size
  }

  get(key: Value): Value {
    return this.#entries.get(hashOf(key))?.[1]
  }

  has(key: Value): boolean {
    return this.#entries.has(hashOf(key))
  }

  set(key: Value, value: Value): void {
    this.#entries.set(hashOf(key), [key, value])
  }

  /** Of a key that is text. */
  attribute(name: string): Value {
    return this.#entries.get(`s${name}`)?.[1]
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key)
  }

  values(): Value[] {
    return [...this.#entries.values()].map(([, value]) => value)
  }

  /** Pairs of key and value. */
  items(): Tuple[] {
    return Array.from(this.#entries.values(), ([key, value]) => Tuple.of(key, value) as Tuple)
  }
}

function hashOf(key: Value): string {
  if (key instanceof Text) return `s${key.value}`
  if (isNumeric(key)) return `n${numberOf(key)}`
  if (key === null) return 'none'
  throw templateError(`a ${typeName(key)} is no key of a mapping`)
}

export function isNumeric(value: Value): value is boolean | number | Float {
  return typeof value === 'number' || typeof value === 'boolean' || value instanceof Float
}

export function numberOf(value: boolean | number | Float): number {
  return value instanceof Float ? value.value : Number(value)
}

/** A number that Python would hold as a float. */
export function isFloat(value: Value): boolean {
  return value instanceof Float || (typeof value === 'number' && !Number.isInteger(value))
}

export function float(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value
}

export function isTrue(value: Value): boolean {
  if (value instanceof Text || Array.isArray(value)) return value.length > 0
  if (value instanceof Dict) return value.size > 0
  if (value instanceof Float) return value.value !== 0
  return Boolean(value)
}

/** Python's name of the type, for messages. */
export function typeName(value: Value): string {
  if (value === undefined) return 'undefined'
  if (value === null) return 'None'
  if (typeof value === 'boolean') return 'bool'
  if (isNumeric(value)) return isFloat(value) ? 'float' : 'int'
  if (value instanceof Text) return 'str'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Dict) return 'dict'
  return value instanceof Namespace ? 'namespace' : 'function'
}

export function isEqual(budget: Budget, a: Value, b: Value): boolean {
  budget.spend(1)
  if (a instanceof Text && b instanceof Text) {
    if (a.length === b.length) budget.chars(a.length)
    return a.value === b.value
  }
  if (isNumeric(a) && isNumeric(b)) return numberOf(a) === numberOf(b)
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isEqual(budget, item, b[i]))
  }
  if (a instanceof Dict && b instanceof Dict) {
    if (a.size !== b.size) return false
    return a.items().every(([key, value]) => b.has(key) && isEqual(budget, value, b.get(key)))
  }
  return a === b
}

/** Items of what `for` goes through. */
export function iterate(budget: Budget, value: Value): Value[] {
  if (value === undefined) return []
  if (Array.isArray(value)) {
    budget.spend(value.length / 8)
    return value
  }
  if (value instanceof Dict) {
    budget.spend(value.size)
    return value.keys()
  }
  if (value instanceof Text) {
    budget.spend(value.length)
    return characters(value)
  }
  throw templateError(`a ${typeName(value)} cannot be iterated`)
}

/** One text for each code point. */
export function characters(text: Text): Text[] {
  let offset = 0
  return Array.from(text.value, char => {
    const part = text.slice(offset, offset + char.length)
    offset += char.length
    return part
  })
}

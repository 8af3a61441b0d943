/**
 * Messages, tools, answers: data of the protocol, every text of which passes the guard.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type Guard, type GuardMatch, openFilter } from './guard.ts'
import type { Direction } from './policy.ts'
import { TextParts } from './text-parts.ts'

type Json = Record<string, unknown>

const mostDepth = 64
/** Words of the protocol, which templates and callers compare. */
const protocol = new Set(['role', 'type'])
const protocolWord = /^[a-z][a-z_.-]{0,39}$/
/** Names of data in which names say what their values are: they are read as JSON text. */
const dataNames = new Set(['arguments', 'input', 'output', 'args', 'result', 'parameters'])
/** No shorter number is anything. */
const leastNumber = 100_000
/** Bytes of pictures and sounds, in which no rule reads. */
const media = /^data:(?:image|audio|video)\//

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** True for a word of the protocol, such as `user` under `role`. */
export const isProtocol = (name: string, value: string): boolean =>
  protocol.has(name) && protocolWord.test(value)

/** Throws where data is nested deeper than anything is looked at. */
export function checkDepth(depth: number): void {
  if (depth <= mostDepth) return
  throw new ConclaveError(
    'invalid_request',
    `Expected data nested at most ${mostDepth} deep: the guard lets nothing pass that it has not ` +
      'read. Send flatter data.',
  )
}

/** The same data with every string, name and number looked at; its shape stays. */
export class GuardedData {
  readonly #guard: Guard
  readonly #direction: Direction
  /** The policy ends the text; what came behind it is empty. */
  blocked = false
  /** What was found; offsets are those of each text. */
  readonly matches: GuardMatch[] = []

  constructor(guard: Guard, direction: Direction) {
    this.#guard = guard
    this.#direction = direction
  }

  text(text: string): string {
    if (this.blocked) return ''
    const { text: out, blocked, matches } = this.#guard.scanJson(text, this.#direction)
    this.blocked = blocked
    for (const match of matches) this.matches.push(match)
    return out
  }

  /** Throws `invalid_request` for what is no plain data, or nested more than 64 deep. */
  value<T>(value: T): T {
    return this.#value(value, '', 0) as T
  }

  #value(value: unknown, name: string, depth: number): unknown {
    checkDepth(depth)
    if (typeof value === 'string')
      return isProtocol(name, value) || media.test(value) ? value : this.text(value)
    if (typeof value === 'number' || typeof value === 'bigint') return this.#number(value, name)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value))
      return this.#acrossParts(value.map(one => this.#value(one, name, depth + 1)))
    if (value instanceof Uint8Array) return this.#bytes(value)
    if (value instanceof Date) return value
    if (value instanceof URL) return new URL(this.#value(value.href, name, depth) as string)
    if (!isPlain(value)) throw unreadable()
    if (dataNames.has(name)) return this.#json(this.#joinedWithin(value, depth) as object)
    return this.#object(value as Json, depth)
  }

  #object(value: Json, depth: number): Json {
    const out: [string, unknown][] = []
    const taken = new Set<string>()
    for (const [name, one] of Object.entries(value)) {
      let shown = this.text(name)
      // Two names under one mask stay two.
      while (taken.has(shown)) shown += '_'
      taken.add(shown)
      out.push([shown, this.#value(one, name, depth + 1)])
    }
    return Object.fromEntries(out)
  }

  /** Its name may say what it is. */
  #number(value: number | bigint, name: string): number | bigint {
    if (value < leastNumber && value > -leastNumber && Number.isInteger(Number(value))) return value
    const text = `{${JSON.stringify(name)}: ${value}}`
    const out = this.text(text)
    return out.endsWith(`: ${value}}`) ? value : 0
  }

  /** The same data with what stands in two texts of a list masked. */
  #joinedWithin(value: unknown, depth: number): unknown {
    checkDepth(depth)
    if (Array.isArray(value))
      return this.#acrossParts(value.map(one => this.#joinedWithin(one, depth + 1)))
    if (!isObject(value) || !isPlain(value)) return value
    const inside = Object.entries(value).map(([name, one]) => [
      name,
      this.#joinedWithin(one, depth + 1),
    ])
    return Object.fromEntries(inside)
  }

  /** Texts that stand in one list are one text to the model. */
  #acrossParts(list: unknown[]): unknown[] {
    const texts = list.map(partText)
    if (texts.filter(text => text !== undefined && text !== '').length < 2) return list
    const parts = new TextParts(texts.map(text => text ?? ''))
    const filter = openFilter(this.#guard, this.#direction)
    const hides = parts.pass(filter)
    this.blocked ||= filter.blocked
    // What only scores was found in its part.
    for (const match of filter.matches) if (match.action !== 'score') this.matches.push(match)
    if (!hides) return list
    return list.map((one, i) =>
      texts[i] === undefined
        ? one
        : typeof one === 'string'
          ? parts.texts[i]
          : { ...(one as Json), text: parts.texts[i] },
    )
  }

  /** Bytes that are text are looked at; others are a picture or the like. */
  #bytes(bytes: Uint8Array): Uint8Array {
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      return bytes
    }
    const out = this.text(text)
    return out === text ? bytes : new TextEncoder().encode(out)
  }

  #json(value: object): unknown {
    let text: string | undefined
    try {
      text = JSON.stringify(value)
    } catch (cause) {
      throw unreadable(cause)
    }
    if (text === undefined) throw unreadable()
    const guarded = this.text(text)
    return this.blocked ? {} : JSON.parse(guarded)
  }
}

const partText = (part: unknown): string | undefined =>
  typeof part === 'string'
    ? part
    : isObject(part) && typeof part.text === 'string'
      ? part.text
      : undefined

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function unreadable(cause?: unknown): ConclaveError {
  return new ConclaveError(
    'invalid_request',
    'Expected plain data that can be written as JSON: the guard lets nothing pass that it cannot ' +
      'read.',
    {},
    { cause },
  )
}

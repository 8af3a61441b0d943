/**
 * One choice of an OpenAI-shaped answer, in deltas.
 * @module
 */
import { type Guard, guardedText } from './guard.ts'
import { checkDepth, GuardedData, isObject, isProtocol } from './guarded-data.ts'
import type { GuardedText } from './guarded-text.ts'

type Json = Record<string, unknown>
/** What stands around a text, from the choice down. */
type Around = (inner: unknown) => unknown

interface Held {
  text: GuardedText
  around: Around
}

/** Fields that come whole, and are not joined over several deltas. */
const whole = new Set(['role', 'type', 'id', 'name', 'finish_reason'])

/**
 * Texts of a choice come in pieces: those of one place are one text, known by the names that lead
 * there and by the `index` of the entries of lists.
 */
export class GuardedAnswer {
  readonly #guard: Guard
  readonly #texts = new Map<string, Held>()
  /** Of fields that come whole, all that came. */
  readonly #words = new Map<string, string>()
  blocked = false

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** What may leave of a choice now. Log-probabilities do not. */
  delta(choice: Json): Json {
    const { index } = choice
    const around: Around = inner => ({ ...(inner as Json), index })
    const { logprobs: _, ...rest } = choice
    return { ...(this.#object(rest, '', around, 0) as Json), logprobs: null }
  }

  /** What was held back, as choices with one text each. */
  rest(): Json[] {
    const out: Json[] = []
    for (const { text, around } of this.#texts.values()) {
      if (this.blocked) break
      const left = text.end()
      this.blocked = text.blocked
      if (left !== '') out.push(around(left) as Json)
    }
    this.#texts.clear()
    return out
  }

  #walk(value: unknown, name: string, path: string, around: Around, depth: number): unknown {
    checkDepth(depth)
    if (typeof value === 'string')
      return whole.has(name) ? this.#word(value, name, path) : this.#text(value, path, around)
    if (Array.isArray(value))
      return value.map(one => {
        // Parts of a message are one text to whoever reads it.
        const place = isObject(one) && name !== 'content' ? `${one.index ?? ''}` : ''
        return this.#walk(one, name, `${path}\n${place}`, inner => around([inner]), depth + 1)
      })
    if (isObject(value)) return this.#object(value, path, around, depth)
    return this.#data({ [name]: value }, name)
  }

  #object(value: Json, path: string, around: Around, depth: number): Json {
    const { index, type } = value
    const fixed = { ...(index !== undefined && { index }), ...(type !== undefined && { type }) }
    const out: [string, unknown][] = []
    for (const [name, one] of Object.entries(value)) {
      const shown = this.#key(name)
      const inside: Around = inner => around({ ...fixed, [shown]: inner })
      out.push([shown, this.#walk(one, name, `${path}\n${name}`, inside, depth + 1)])
    }
    return Object.fromEntries(out)
  }

  #key(name: string): string {
    return this.#guard.scanJson(name).text
  }

  /** A number or the like. */
  #data(value: Json, name: string): unknown {
    const data = new GuardedData(this.#guard, 'output')
    const out = data.value(value)
    this.blocked ||= data.blocked
    return out[name]
  }

  #word(value: string, name: string, path: string): string {
    if (this.blocked) return ''
    if (isProtocol(name, value)) return value
    // A name that comes in two deltas is looked at as one.
    const come = (this.#words.get(path) ?? '') + value
    this.#words.set(path, come)
    const { text, blocked, matches } = this.#guard.scanJson(come)
    this.blocked = blocked
    if (come.length === value.length) return text
    return matches.some(match => match.action !== 'score') ? '' : value
  }

  #text(value: string, path: string, around: Around): string {
    if (this.blocked) return ''
    const held = this.#texts.get(path) ?? { text: guardedText(this.#guard, 'output'), around }
    held.around = around
    this.#texts.set(path, held)
    const out = held.text.push(value)
    this.blocked = held.text.blocked
    return out
  }
}

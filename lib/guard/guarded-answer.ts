/**
 * One choice of an OpenAI-shaped answer, whole or in deltas.
 * @module
 */
import { type Guard, guardedText } from './guard.ts'
import type { GuardedText } from './guarded-text.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** Words of the protocol. */
const untouched = new Set(['role', 'type', 'id', 'name', 'index'])

/** Every text of a choice passes a guard of its own, known by where it stands. */
export class GuardedAnswer {
  readonly #guard: Guard
  readonly #texts = new Map<string, GuardedText>()
  blocked = false

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** A whole choice. */
  whole(choice: unknown): unknown {
    if (!isObject(choice)) return choice
    const out = this.delta(choice)
    const rest = this.rest()
    return this.#finished(merge(out, rest))
  }

  /** A choice of one chunk: what may leave of it now. Log-probabilities do not. */
  delta(choice: Json): Json {
    const out: Json = { ...choice, logprobs: null }
    for (const name of ['delta', 'message', 'text'])
      if (name in choice) out[name] = this.#walk(choice[name], name)
    return out
  }

  /** What was held back, in the shape of a choice. */
  rest(): Json {
    const out: Json = {}
    for (const [path, text] of this.#texts) {
      const left = text.end()
      this.blocked ||= text.blocked
      if (left !== '') put(out, path.split('\n'), left)
    }
    return out
  }

  #finished(choice: Json): Json {
    return this.blocked ? { ...choice, finish_reason: 'content_filter' } : choice
  }

  #walk(value: unknown, path: string): unknown {
    if (typeof value === 'string') return this.#text(value, path)
    if (Array.isArray(value))
      return value.map((one, i) =>
        this.#walk(one, `${path}\n${isObject(one) ? (one.index ?? i) : i}`),
      )
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        untouched.has(name) ? one : this.#walk(one, `${path}\n${name}`),
      ]),
    )
  }

  #text(value: string, path: string): string {
    if (this.blocked) return ''
    const text = this.#texts.get(path) ?? guardedText(this.#guard, 'output')
    this.#texts.set(path, text)
    const out = text.push(value)
    this.blocked ||= text.blocked
    return out
  }
}

/** Sets a text at a path; a number is an entry of a list that says its `index`. */
function put(out: Json, [name, ...rest]: string[], text: string): void {
  if (rest.length === 0) {
    out[name!] = text
    return
  }
  const isEntry = /^\d+$/.test(rest[0]!)
  out[name!] ??= isEntry ? [] : {}
  if (isEntry) put(entryOf(out[name!] as Json[], Number(rest[0])), rest.slice(1), text)
  else put(out[name!] as Json, rest, text)
}

function entryOf(list: Json[], index: number): Json {
  let entry = list.find(one => one.index === index)
  if (entry === undefined) {
    entry = { index }
    list.push(entry)
  }
  return entry
}

/** Adds held-back texts to the end of those that were let through. */
function merge(whole: Json, rest: Json): Json {
  const out: Json = { ...whole }
  for (const [name, more] of Object.entries(rest)) {
    const here = out[name]
    if (typeof more === 'string') out[name] = `${here ?? ''}${more}`
    else if (Array.isArray(more)) {
      const list = [...(here as Json[])]
      for (const { index, ...entry } of more as Json[]) {
        const at = list.findIndex((one, i) => (one.index ?? i) === index)
        list[at] = merge(list[at]!, entry)
      }
      out[name] = list
    } else if (isObject(more)) out[name] = merge((here ?? {}) as Json, more)
  }
  return out
}

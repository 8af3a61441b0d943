/**
 * Messages, prompts and tool results on their way to a model.
 * @module
 */
import type { Guard } from './guard.ts'

/** Words of the protocol, which templates and callers compare. */
const untouched = new Set(['role', 'type', 'id', 'name', 'tool_call_id'])
const mostDepth = 64

/** Looks at every text of what is on its way to a model. */
export class GuardedInput {
  readonly #guard: Guard
  /** The policy ends the request. */
  blocked = false

  constructor(guard: Guard) {
    this.#guard = guard
  }

  text(text: string): string {
    const { text: out, blocked } = this.#guard.scanJson(text, 'input')
    this.blocked ||= blocked
    return out
  }

  /** The same data with its texts masked; words of the protocol stay. */
  value<T>(value: T): T {
    return this.#value(value, 0) as T
  }

  #value(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value)
    if (typeof value !== 'object' || value === null || depth > mostDepth) return value
    if (Array.isArray(value)) return value.map(one => this.#value(one, depth + 1))
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.#named(name, one, depth)]),
    )
  }

  #named(name: string, value: unknown, depth: number): unknown {
    if (untouched.has(name)) return value
    // Names in the arguments say what their values are, and numbers may be telephone numbers.
    if (name === 'arguments' && typeof value === 'object' && value !== null)
      return this.#json(value)
    return this.#value(value, depth + 1)
  }

  #json(value: object): unknown {
    let text: string
    try {
      text = JSON.stringify(value)
    } catch {
      return value
    }
    const guarded = this.text(text)
    return this.blocked ? value : JSON.parse(guarded)
  }
}

/**
 * Server-sent events of an OpenAI-compatible server with the guard in them.
 * @module
 */
import type { Guard } from './guard.ts'
import { GuardedAnswer } from './guarded-answer.ts'

type Json = Record<string, unknown>

/** Longest event that is taken; a longer one ends the stream. */
const mostEvent = 4 * 2 ** 20

/** Bytes of events in, bytes of events out. */
export function guardedEvents(guard: Guard): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream(new Events(guard))
}

class Events {
  readonly #guard: Guard
  readonly #decoder = new TextDecoder()
  readonly #encoder = new TextEncoder()
  readonly #answers = new Map<unknown, GuardedAnswer>()
  #text = ''

  constructor(guard: Guard) {
    this.#guard = guard
  }

  transform(bytes: Uint8Array, out: TransformStreamDefaultController<Uint8Array>): void {
    this.#text += this.#decoder.decode(bytes, { stream: true })
    const events = this.#text.split(/\r?\n\r?\n/)
    this.#text = events.pop()!
    for (const event of events) this.#event(event, out)
    if (this.#text.length > mostEvent) out.terminate()
  }

  flush(out: TransformStreamDefaultController<Uint8Array>): void {
    if (this.#text.trim() !== '') this.#event(this.#text, out)
  }

  #event(event: string, out: TransformStreamDefaultController<Uint8Array>): void {
    const data = event
      .split(/\r?\n/)
      .filter(line => line.startsWith('data:'))
      .map(line => line.slice(5).trimStart())
      .join('\n')
    // Comments and other fields hold nothing that a client shows.
    if (data === '') return
    const shown = data === '[DONE]' ? data : this.#guarded(data)
    if (shown !== undefined) out.enqueue(this.#encoder.encode(`data: ${shown}\n\n`))
  }

  #guarded(data: string): string | undefined {
    let chunk: unknown
    try {
      chunk = JSON.parse(data)
    } catch {
      return this.#guard.scan(data).text
    }
    const { choices } = (chunk ?? {}) as { choices?: unknown }
    if (!Array.isArray(choices)) return this.#guard.scanJson(data).text
    const shown = choices.flatMap(choice => this.#choice(choice as Json))
    if (choices.length > 0 && shown.length === 0) return undefined
    return JSON.stringify({ ...(chunk as Json), choices: shown })
  }

  /** One choice becomes none, itself, or itself and what was held back for it. */
  #choice(choice: Json): Json[] {
    const known = this.#answers.get(choice.index)
    if (known?.blocked) return []
    const answer = known ?? new GuardedAnswer(this.#guard)
    this.#answers.set(choice.index, answer)
    const { finish_reason: reason = null, ...plain } = choice
    const delta: Json = { ...answer.delta(plain), finish_reason: null }
    if (answer.blocked) return [{ ...delta, finish_reason: 'content_filter' }]
    if (reason === null) return [delta]
    const rest = answer.rest()
    const end = { ...rest, delta: rest.delta ?? {}, index: choice.index, logprobs: null }
    return [delta, { ...end, finish_reason: answer.blocked ? 'content_filter' : reason }]
  }
}

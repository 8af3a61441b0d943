/**
 * Server-sent events of an OpenAI-compatible server with the guard in them.
 * @module
 */
import { type ServerEvent, SseParser } from '../client/sse-parser.ts'
import { ConclaveError } from '../errors.ts'
import type { Guard } from './guard.ts'
import { GuardedAnswer } from './guarded-answer.ts'
import { GuardedData, isObject } from './guarded-data.ts'

type Json = Record<string, unknown>

/** Longest event that is taken; a longer one ends the stream. */
const mostEvent = 4 * 2 ** 20

/**
 * Bytes of events in, bytes of events out. What is no JSON or too long ends the stream with an
 * error, and so does the guard's `invalid_request`.
 */
export function guardedEvents(guard: Guard): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream(new Events(guard))
}

class Events {
  readonly #guard: Guard
  readonly #decoder = new TextDecoder()
  readonly #encoder = new TextEncoder()
  readonly #parser = new SseParser()
  readonly #answers = new Map<unknown, GuardedAnswer>()

  constructor(guard: Guard) {
    this.#guard = guard
  }

  transform(bytes: Uint8Array, out: TransformStreamDefaultController<Uint8Array>): void {
    for (const event of this.#parser.push(this.#decoder.decode(bytes, { stream: true })))
      for (const data of this.#event(event)) out.enqueue(this.#encoder.encode(`data: ${data}\n\n`))
    if (this.#parser.held > mostEvent)
      throw unreadable(`an event of at most ${mostEvent} characters`)
  }

  /** Comments and other fields hold nothing that a client shows, and are left out. */
  #event({ data }: ServerEvent): string[] {
    if (data === '[DONE]') return [data]
    const chunk = parsed(data)
    if (!isObject(chunk)) throw unreadable('an object in each event')
    const { choices, usage, ...others } = chunk
    const look = (value: Json) => new GuardedData(this.#guard, 'output').value(value)
    if (choices !== undefined && !Array.isArray(choices)) throw unreadable('a list of choices')
    if (choices === undefined || choices.length === 0) return [JSON.stringify(look(chunk))]
    const same = look(others)
    const shown = choices.flatMap(choice => this.#choice(choice))
    // Clients read the first choice of an event: each leaves in one of its own.
    return shown.map((choice, i) =>
      JSON.stringify({
        ...same,
        choices: [choice],
        ...(usage !== undefined && { usage: i + 1 === shown.length ? usage : null }),
      }),
    )
  }

  /** One choice becomes none, itself, or itself and what was held back for it. */
  #choice(choice: unknown): Json[] {
    if (!isObject(choice)) throw unreadable('an object for each choice')
    const { index, finish_reason: reason = null, ...plain } = choice
    const known = this.#answers.get(index)
    if (known?.blocked) return []
    const answer = known ?? new GuardedAnswer(this.#guard)
    this.#answers.set(index, answer)
    const delta: Json = { ...answer.delta({ index, ...plain }), finish_reason: null }
    if (answer.blocked) return [{ ...delta, finish_reason: 'content_filter' }]
    if (reason === null) return [delta]
    const rest = answer.rest().map(one => ({ ...one, logprobs: null, finish_reason: null }))
    const nothing = 'delta' in plain ? { delta: {} } : { text: '' }
    const last = answer.blocked ? 'content_filter' : reason
    return [delta, ...rest, { index, ...nothing, logprobs: null, finish_reason: last }]
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    throw unreadable('JSON in each event')
  }
}

/** An upstream says what the guard cannot read, so that it does not pass. */
export function unreadable(expected: string): ConclaveError {
  return new ConclaveError(
    'unsupported_format',
    `Expected ${expected} of an OpenAI-compatible server, but it sent something else, which the ` +
      'guard lets not pass. Check the address.',
  )
}

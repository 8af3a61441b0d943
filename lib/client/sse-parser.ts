/**
 * Server-sent events out of a stream of bytes, wherever it is cut.
 * @module
 */

export interface ServerEvent {
  /** '' where the server gave none. */
  event: string
  data: string
}

/**
 * Pieces of text in, whole events out. Lines end with LF, CR or CRLF; comments and unknown fields
 * are left out; an event without its blank line is no event.
 * @example
 * new SseParser().push('data: a\n\ndata: b') // [{ event: '', data: 'a' }]
 */
export class SseParser {
  #rest = ''
  #first = true
  #event = ''
  #data: string[] = []

  push(text: string): ServerEvent[] {
    let input = this.#rest + text
    if (this.#first && input !== '') {
      this.#first = false
      if (input.startsWith('\ufeff')) input = input.slice(1)
    }
    const events: ServerEvent[] = []
    let start = 0
    for (let at = start; at < input.length; at++) {
      const char = input.charCodeAt(at)
      if (char !== 10 && char !== 13) continue
      // A CR at the very end may be the first half of a CRLF.
      if (char === 13 && at + 1 === input.length) break
      this.#line(input.slice(start, at), events)
      if (char === 13 && input.charCodeAt(at + 1) === 10) at++
      start = at + 1
    }
    this.#rest = input.slice(start)
    return events
  }

  #line(line: string, events: ServerEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push({ event: this.#event, data: this.#data.join('\n') })
      this.#event = ''
      this.#data = []
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
  }
}

/** The events of a body; leaving the loop cancels it. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  let over = false
  try {
    while (!over) {
      const { done, value } = await reader.read()
      over = done
      if (value !== undefined) yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    if (!over) await reader.cancel().catch(() => {})
  }
}

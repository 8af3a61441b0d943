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
 * are left out; an event without its blank line is no event. Linear in what comes, however it is
 * cut.
 * @example
 * new SseParser().push('data: a\n\ndata: b') // [{ event: '', data: 'a' }]
 */
export class SseParser {
  /** Pieces of the line that has not ended. */
  #line: string[] = []
  #first = true
  /** The text so far ends in a CR: a LF next belongs to it. */
  #afterCr = false
  #event = ''
  #data: string[] = []
  #held = 0

  /** Characters of the event that has not ended. */
  get held(): number {
    return this.#held
  }

  push(text: string): ServerEvent[] {
    if (text === '') return []
    let start = this.#first && text.charCodeAt(0) === 0xfeff ? 1 : 0
    this.#first = false
    if (this.#afterCr && text.charCodeAt(start) === 10) start++
    this.#afterCr = false
    const events: ServerEvent[] = []
    for (const { index } of text.matchAll(/[\r\n]/g)) {
      if (index < start) continue
      this.#line.push(text.slice(start, index))
      this.#held += index - start
      this.#endLine(events)
      start = index + 1
      if (text.charCodeAt(index) !== 13) continue
      if (start === text.length) this.#afterCr = true
      else if (text.charCodeAt(start) === 10) start++
    }
    if (start < text.length) {
      this.#line.push(text.slice(start))
      this.#held += text.length - start
    }
    return events
  }

  #endLine(events: ServerEvent[]): void {
    const line = this.#line.join('')
    this.#line = []
    if (line === '') {
      if (this.#data.length > 0) events.push({ event: this.#event, data: this.#data.join('\n') })
      this.#event = ''
      this.#data = []
      this.#held = 0
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

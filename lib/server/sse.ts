/**
 * Server-sent events: one frame each, written as fast as the client reads.
 * @module
 */
import type { ConclaveError } from '../errors.ts'
import type { Call } from './endpoint.ts'
import { type Dialect, errorBody, masked, toConclaveError } from './error-body.ts'
import { statusOf } from './refusal.ts'
import { responseHeaders } from './response.ts'

const encoder = new TextEncoder()

export interface SseEvent {
  /** Name of the event, for clients that go by it. */
  event?: string
  data: object | string
}

/** JSON has no line ends, so that model text cannot end a frame. */
function frame({ event, data }: SseEvent): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return event === undefined ? `data: ${text}\n\n` : `event: ${event}\ndata: ${text}\n\n`
}

const encoded = (events: readonly SseEvent[]) => encoder.encode(events.map(frame).join(''))

/** What comes next; there may be nothing to tell of a token. */
async function nextOf(events: SseEvents) {
  for (;;) {
    const next = await events.next()
    if (next.done || next.value.length > 0) return next
  }
}

/** Events that came together leave in one write; what is returned, with the end of the stream. */
export type SseEvents = AsyncGenerator<readonly SseEvent[], readonly SseEvent[], undefined>

/**
 * Streams `events`. A client that stops reading stops no one but itself: nothing is taken from the
 * iterator before there is room. An error becomes the last event.
 */
export function sseResponse(call: Call, events: SseEvents, dialect: Dialect): Response {
  const done = call.keep()
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done: over, value } = await nextOf(events)
          if (value.length > 0) controller.enqueue(encoded(value))
          if (!over) return
          done()
        } catch (thrown) {
          if (isCancelled) return
          const error = toConclaveError(thrown)
          done(error)
          if (call.signal.aborted) return controller.error(call.signal.reason)
          controller.enqueue(encoded(errorEvents(call, error, dialect)))
        }
        controller.close()
      },
      async cancel() {
        isCancelled = true
        done()
        // Ends what reads; what it would have read is stopped though it was never begun.
        for (const one of call.running) one.stop()
        await events.return([])
      },
    },
    { highWaterMark: 1 },
  )
  const headers = {
    ...responseHeaders(call, 'text/event-stream; charset=utf-8'),
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  }
  return new Response(body, { headers })
}

/** The status was sent long ago; the metrics count the one that it would have been. */
function errorEvents(call: Call, error: ConclaveError, dialect: Dialect): SseEvent[] {
  call.serving.metrics.refused(statusOf(error))
  call.serving.options.log.error({ id: call.id, code: error.code }, 'stream failed')
  const data = errorBody(masked(call.serving, error), dialect)
  return dialect === 'anthropic' ? [{ event: 'error', data }] : [{ data }, { data: '[DONE]' }]
}

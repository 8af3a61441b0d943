/**
 * A `fetch` with the guard in it, for clients of any OpenAI-compatible server.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type Guard, guardOf } from './guard.ts'
import { GuardedAnswer } from './guarded-answer.ts'
import { guardedEvents } from './guarded-events.ts'
import { GuardedInput } from './guarded-input.ts'
import type { GuardPolicy } from './policy.ts'

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Paths whose bodies are looked at; others pass as they are. */
const watched = /\/(?:chat\/)?completions$/
/** Keys of a body that hold what a person or a tool wrote. */
const texts = ['messages', 'prompt', 'suffix'] as const

/**
 * Wraps `fetch`: requests to `…/chat/completions` and `…/completions` are masked on their way out,
 * answers and streams on their way in; log-probabilities are left out where something was masked.
 * A request that the policy blocks never leaves: it is answered with `content_filter`.
 * @example
 * const client = new OpenAI({ fetch: guardedFetch('default') })
 */
export function guardedFetch(
  policy: 'default' | GuardPolicy | Guard = 'default',
  fetch: Fetch = globalThis.fetch,
): Fetch {
  const guard = guardOf(policy)
  return async (input, init) => {
    const request = new Request(input, init)
    if (request.method !== 'POST' || !watched.test(new URL(request.url).pathname))
      return fetch(request)
    const body = await readBody(request)
    const looked = new GuardedInput(guard)
    for (const name of texts) if (name in body) body[name] = looked.value(body[name])
    if (looked.blocked) return refused(body)
    const headers = new Headers(request.headers)
    headers.delete('content-length')
    const response = await fetch(
      new Request(request.url, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: request.signal,
      }),
    )
    return guardedResponse(guard, response)
  }
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await request.json()
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return body as Record<string, unknown>
  } catch {}
  throw new ConclaveError(
    'invalid_request',
    'Expected a JSON object as the body: the guard lets nothing pass that it cannot read.',
  )
}

async function guardedResponse(guard: Guard, response: Response): Promise<Response> {
  const type = response.headers.get('content-type') ?? ''
  const headers = new Headers(response.headers)
  // The body that leaves here is another, and is not compressed.
  for (const name of ['content-length', 'content-encoding']) headers.delete(name)
  const { status, statusText } = response
  if (type.startsWith('text/event-stream') && response.body !== null) {
    const body = response.body.pipeThrough(guardedEvents(guard))
    return new Response(body, { status, statusText, headers })
  }
  const text = await response.text()
  return new Response(guardedBody(guard, text), { status, statusText, headers })
}

function guardedBody(guard: Guard, text: string): string {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return guard.scan(text).text
  }
  const { choices } = (body ?? {}) as { choices?: unknown }
  // Errors and whatever else a server says: every string of it.
  if (!Array.isArray(choices)) return guard.scanJson(text).text
  const guarded = choices.map(choice => new GuardedAnswer(guard).whole(choice))
  return JSON.stringify({ ...(body as object), choices: guarded })
}

function refused(body: Record<string, unknown>): Response {
  const isChat = 'messages' in body
  const finish = { index: 0, finish_reason: 'content_filter', logprobs: null }
  const same = {
    id: 'refused',
    created: Math.floor(Date.now() / 1000),
    model: body.model,
  }
  if (body.stream === true) {
    const choice = { ...finish, ...(isChat ? { delta: { role: 'assistant' } } : { text: '' }) }
    const object = isChat ? 'chat.completion.chunk' : 'text_completion'
    const event = JSON.stringify({ ...same, object, choices: [choice] })
    const headers = { 'content-type': 'text/event-stream' }
    return new Response(`data: ${event}\n\ndata: [DONE]\n\n`, { headers })
  }
  const message = { role: 'assistant', content: '', refusal: null }
  const choice = { ...finish, ...(isChat ? { message } : { text: '' }) }
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
  const object = isChat ? 'chat.completion' : 'text_completion'
  return Response.json({ ...same, object, choices: [choice], usage })
}

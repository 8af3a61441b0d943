/**
 * A `fetch` with the guard in it, for clients of any OpenAI-compatible server.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type Guard, guardOf } from './guard.ts'
import { GuardedData, isObject } from './guarded-data.ts'
import { guardedEvents, unreadable } from './guarded-events.ts'
import type { GuardPolicy } from './policy.ts'

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

type Json = Record<string, unknown>

/** Paths whose bodies the guard reads. */
const watched = /\/(?:(?:chat\/)?completions|embeddings)$/

/**
 * Wraps `fetch`: requests to `…/chat/completions`, `…/completions` and `…/embeddings` are masked on
 * their way out, answers and streams on their way in; log-probabilities are left out.
 * A request that the policy blocks never leaves: it is answered with `content_filter`. What the
 * guard cannot read throws: `invalid_request` where it was to leave (a body for another path, no
 * JSON, data nested more than 64 deep), `unsupported_format` where it came.
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
    const { pathname } = new URL(request.url)
    if (request.body === null) return fetch(request)
    if (request.method !== 'POST' || !watched.test(pathname)) throw unread(pathname)
    const body = await readBody(request)
    refuseIds(body)
    const looked = new GuardedData(guard, 'input')
    const allowed = looked.value(body)
    if (looked.blocked) return refused(body, pathname)
    const headers = new Headers(request.headers)
    headers.delete('content-length')
    const response = await fetch(
      new Request(request.url, {
        method: 'POST',
        headers,
        body: JSON.stringify(allowed),
        signal: request.signal,
      }),
    )
    return guardedResponse(guard, response)
  }
}

function unread(path: string): ConclaveError {
  return new ConclaveError(
    'invalid_request',
    'Expected a request to …/chat/completions, …/completions or …/embeddings: the guard lets ' +
      `nothing pass that it does not read, such as a body for ${path.slice(0, 100)}.`,
  )
}

async function readBody(request: Request): Promise<Json> {
  try {
    const body: unknown = await request.json()
    if (isObject(body)) return body
  } catch {}
  throw new ConclaveError(
    'invalid_request',
    'Expected a JSON object as the body: the guard lets nothing pass that it cannot read.',
  )
}

/** Only the server knows what token ids stand for. */
function refuseIds({ prompt, input }: Json): void {
  if (![prompt, input].flat(2).some(one => typeof one === 'number')) return
  throw new ConclaveError(
    'invalid_request',
    'Expected texts, but got token ids, which the guard cannot read. Send texts.',
  )
}

async function guardedResponse(guard: Guard, response: Response): Promise<Response> {
  const type = (response.headers.get('content-type') ?? '').toLowerCase()
  const headers = new Headers(response.headers)
  // The body that leaves here is another, and is not compressed.
  for (const name of ['content-length', 'content-encoding']) headers.delete(name)
  const { status, statusText, ok } = response
  if (type.startsWith('text/event-stream') && response.body !== null) {
    const body = response.body.pipeThrough(guardedEvents(guard))
    return new Response(body, { status, statusText, headers })
  }
  const body = guardedBody(guard, await response.text(), ok)
  return new Response(body, { status, statusText, headers })
}

/** Of an error that is no JSON the text is shown. */
function guardedBody(guard: Guard, text: string, ok: boolean): string {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    if (ok) throw unreadable('JSON')
    return guard.scanJson(text).text
  }
  if (!isObject(body)) throw unreadable('an object')
  const { choices, data, ...others } = body
  const look = (value: unknown) => new GuardedData(guard, 'output').value(value)
  // Vectors are numbers that nobody wrote.
  const vectors = isVectors(data) ? { data } : { data: look(data) }
  return JSON.stringify({
    ...(look(others) as Json),
    ...(choices !== undefined && { choices: choicesOf(guard, choices) }),
    ...(data !== undefined && vectors),
  })
}

function choicesOf(guard: Guard, choices: unknown): Json[] {
  if (!Array.isArray(choices)) throw unreadable('a list of choices')
  return choices.map(choice => {
    if (!isObject(choice)) throw unreadable('an object for each choice')
    const { logprobs: _, finish_reason: reason, ...rest } = choice
    const looked = new GuardedData(guard, 'output')
    const shown = looked.value(rest)
    return { ...shown, logprobs: null, finish_reason: looked.blocked ? 'content_filter' : reason }
  })
}

const isVectors = (data: unknown): boolean =>
  Array.isArray(data) &&
  data.every(
    one =>
      isObject(one) &&
      Object.keys(one).every(name => ['object', 'index', 'embedding'].includes(name)) &&
      one.object === 'embedding' &&
      typeof one.index === 'number' &&
      (Array.isArray(one.embedding)
        ? one.embedding.every(value => typeof value === 'number')
        : /^[A-Za-z0-9+/=]*$/.test(String(one.embedding))),
  )

function refused(body: Json, path: string): Response {
  if (path.endsWith('embeddings')) {
    const message = 'The policy of the guard blocks this input.'
    const error = { message, type: 'invalid_request_error', param: 'input', code: 'content_filter' }
    return Response.json({ error }, { status: 400 })
  }
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

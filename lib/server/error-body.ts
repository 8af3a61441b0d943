/**
 * Errors as OpenAI's and Anthropic's clients read them. No path, stack, prompt or key is in one.
 * @module
 */
import { ConclaveError, errorCodes, fromNative } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { paramOf, Refusal, statusOf, wireMessage } from './refusal.ts'

/** Whose words an endpoint speaks. */
export type Dialect = 'openai' | 'anthropic'

const openaiTypes = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [429, 'rate_limit_error'],
])
const anthropicTypes = new Map([
  ...openaiTypes,
  [413, 'request_too_large'],
  [504, 'timeout_error'],
  [503, 'overloaded_error'],
])
const openaiCodes = new Map([
  ['unauthorized', 'invalid_api_key'],
  ['overloaded', 'rate_limit_exceeded'],
])

export function toConclaveError(error: unknown): ConclaveError {
  return error instanceof ConclaveError ? error : fromNative(error)
}

/** Sentences quote what a client sent: it leaves through the guard like everything else. */
export function masked({ guard }: { guard: Guard | undefined }, error: ConclaveError) {
  const message = guard?.scanJson(error.message).text ?? error.message
  if (message === error.message) return error
  const param = paramOf(error)
  return new Refusal({
    status: statusOf(error),
    code: error.code,
    message,
    ...(param !== null && { param }),
    ...(error instanceof Refusal && { headers: error.headers }),
  })
}

/** The `error` object of a body or of an event. */
function errorObject(error: ConclaveError, dialect: Dialect): object {
  const status = statusOf(error)
  const message = shownMessage(error, status)
  if (dialect === 'anthropic') {
    const fallback = status < 500 ? 'invalid_request_error' : 'api_error'
    return { type: anthropicTypes.get(status) ?? fallback, message }
  }
  const fallback = status < 500 ? 'invalid_request_error' : 'server_error'
  const type = openaiTypes.get(status) ?? fallback
  return { message, type, param: paramOf(error), code: openaiCodes.get(error.code) ?? error.code }
}

/** What went wrong inside is told by its kind alone. */
function shownMessage(error: ConclaveError, status: number): string {
  return status < 500 || error instanceof Refusal
    ? wireMessage(error)
    : errorCodes[error.code].meaning
}

export function errorBody(error: ConclaveError, dialect: Dialect): object {
  const object = errorObject(error, dialect)
  return dialect === 'anthropic' ? { type: 'error', error: object } : { error: object }
}

export function errorResponse(error: ConclaveError, dialect: Dialect, id: string): Response {
  const headers = new Headers(error instanceof Refusal ? error.headers : undefined)
  headers.set('x-request-id', id)
  const status = statusOf(error)
  if (status === 503 && !headers.has('retry-after')) headers.set('retry-after', '1')
  const body = errorBody(error, dialect)
  return Response.json(dialect === 'anthropic' ? { ...body, request_id: id } : body, {
    status,
    headers,
  })
}

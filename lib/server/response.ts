/**
 * Headers and JSON that every answer has.
 * @module
 */
import type { Call } from './endpoint.ts'

/** `x-request-id`, and a warning where fields of the body had no effect. */
export function responseHeaders({ id, warnings }: Pick<Call, 'id' | 'warnings'>): Headers {
  const headers = new Headers({ 'x-request-id': id })
  if (warnings.length > 0) headers.set('x-conclave-warning', `no effect: ${warnings.join(', ')}`)
  return headers
}

export function jsonResponse(call: Pick<Call, 'id' | 'warnings'>, body: object): Response {
  const headers = responseHeaders(call)
  headers.set('content-type', 'application/json')
  return new Response(JSON.stringify(body), { headers })
}

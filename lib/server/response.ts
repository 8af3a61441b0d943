/**
 * Headers and JSON that every answer has.
 * @module
 */
import type { Call } from './endpoint.ts'

type Named = Pick<Call, 'id' | 'warnings'>

/** `x-request-id`, and a warning where fields of the body had no effect. */
export function responseHeaders({ id, warnings }: Named, type: string): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': type, 'x-request-id': id }
  if (warnings.length > 0) headers['x-conclave-warning'] = `no effect: ${warnings.join(', ')}`
  return headers
}

export function jsonResponse(call: Named, body: object): Response {
  return jsonTextResponse(call, JSON.stringify(body))
}

/** JSON that is text already. */
export function jsonTextResponse(call: Named, text: string): Response {
  return new Response(text, { headers: responseHeaders(call, 'application/json') })
}

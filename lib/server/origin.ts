/**
 * Which pages and which host names may ask: a browser is not to be led here by another site.
 * @module
 */
import type { CheckedAppOptions } from './options.ts'
import { Refusal } from './refusal.ts'

/** Throws a 403 for a foreign `Host` (DNS rebinding) and for a page of a foreign origin. */
export function checkOrigin(request: Request, options: CheckedAppOptions): void {
  const { allowedHosts, corsOrigins } = options
  const host = request.headers.get('host')
  if (allowedHosts !== undefined && host !== null && !allowedHosts.has(hostName(host) ?? ''))
    throw forbidden('Expected a request to one of the names of this server, but Host is another.')
  const origin = request.headers.get('origin')
  if (origin === null || corsOrigins.has(origin) || corsOrigins.has('*')) return
  if (host !== null && origin === `${origin.split('://')[0]}://${host}`) return
  throw forbidden('Expected a page of this server. Allow others by corsOrigins.')
}

/** Without port, in lower case; undefined where it is no host. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase()
}

function forbidden(message: string): Refusal {
  return new Refusal({ status: 403, code: 'forbidden', message })
}

function corsHeaders(request: Request, { corsOrigins }: CheckedAppOptions): [string, string][] {
  const origin = corsOrigins.size === 0 ? null : request.headers.get('origin')
  if (origin === null || !(corsOrigins.has(origin) || corsOrigins.has('*'))) return []
  return [
    ['access-control-allow-origin', origin],
    ['vary', 'Origin'],
    ['access-control-expose-headers', 'x-request-id, x-conclave-warning, retry-after'],
  ]
}

export function withCors(
  response: Response,
  request: Request,
  options: CheckedAppOptions,
): Response {
  for (const [name, value] of corsHeaders(request, options)) response.headers.set(name, value)
  return response
}

/** What a browser asks before it sends a request of another origin. */
export function preflight(request: Request, options: CheckedAppOptions): Response {
  const headers = new Headers(corsHeaders(request, options))
  if (headers.has('access-control-allow-origin')) {
    headers.set('access-control-allow-methods', 'GET, POST, DELETE')
    const asked = request.headers.get('access-control-request-headers') ?? ''
    headers.set('access-control-allow-headers', /^[\w, -]{0,1024}$/.test(asked) ? asked : '')
    headers.set('access-control-max-age', '600')
  }
  return new Response(null, { status: 204, headers })
}

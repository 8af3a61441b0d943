/**
 * The Node listener around an app: limits on what a connection may cost.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { ConclaveError } from '../errors.ts'
import { checkNames, checkNumber, checkString } from '../sampling/check.ts'
import type { ServerApp } from './app.ts'
import { StallWatch } from './stall-watch.ts'

/** Where to listen, and what a connection may cost. */
export interface ListenOptions {
  /** Default '127.0.0.1': this machine alone. */
  host?: string
  /** 0: any that is free. Default 8000. */
  port?: number
  /** Milliseconds in which the head of a request must come. Default 10,000. */
  headersTimeoutMs?: number
  /** The same for the whole request. Default 30,000. */
  bodyTimeoutMs?: number
  /** Milliseconds that a client may leave what is written to it unread. Default 30,000. */
  stallTimeoutMs?: number
  /**
   * Puts lighter classes in the place of the global Request and Response, which serve a fifth more
   * requests: for a program that does nothing but serve. Default false.
   */
  replaceGlobals?: boolean
}

/** An open port. */
export interface Listener {
  /** Where it listens, such as 'http://127.0.0.1:8000'. */
  readonly url: string
  /** Ends connections; those with a request in work once it is over, or at once if `now`. */
  close(now?: boolean): Promise<void>
}

const names = [
  'host',
  'port',
  'headersTimeoutMs',
  'bodyTimeoutMs',
  'stallTimeoutMs',
  'replaceGlobals',
] as const
const maxHeaderBytes = 16 * 1024
const maxHeaders = 100
const maxUrl = 8 * 1024

/**
 * Listens. Rejects with `io_error` where the port is taken or may not be used, `invalid_request`
 * for options that are not valid.
 * @example
 * const listener = await listen(createApp(await loadModel()), { port: 8000 })
 * console.log(listener.url)
 */
export async function listen(app: ServerApp, options: ListenOptions = {}): Promise<Listener> {
  checkNames(options, names)
  const ms = (name: 'headersTimeoutMs' | 'bodyTimeoutMs' | 'stallTimeoutMs', fallback: number) =>
    checkNumber(name, options[name] ?? fallback, { min: 10, max: 2 ** 31 - 1 })
  const host = checkString('host', options.host ?? '127.0.0.1')
  const port = checkNumber('port', options.port ?? 8000, { min: 0, max: 65_535, integer: true })
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: ms('headersTimeoutMs', 10_000),
    requestTimeout: ms('bodyTimeoutMs', 30_000),
    connectionsCheckingInterval: Math.min(1000, ms('headersTimeoutMs', 10_000)),
    keepAliveTimeout: 5000,
  })
  // More than is allowed, so that a request with too many is seen rather than cut.
  server.maxHeadersCount = 2 * maxHeaders
  const stalls = new StallWatch(ms('stallTimeoutMs', 30_000))
  const overrideGlobalObjects = options.replaceGlobals === true
  const handle = getRequestListener(request => app.fetch(request), { overrideGlobalObjects })
  server.on('connection', socket => stalls.watch(socket))
  server.on('request', (request, response) => {
    if (refusedEarly(request, response)) return
    void handle(request, response)
  })
  server.on('clientError', onClientError)
  await bind(server, host, port)
  return { url: urlOf(server, host), close: now => close(server, stalls, now === true) }
}

function refusedEarly(request: IncomingMessage, response: ServerResponse): boolean {
  const isLong = (request.url ?? '').length > maxUrl
  if (!isLong && request.rawHeaders.length <= 2 * maxHeaders) return false
  const message = isLong ? 'The URL is too long.' : `Expected at most ${maxHeaders} headers.`
  const error = { message, type: 'invalid_request_error', param: null, code: 'invalid_request' }
  response.writeHead(isLong ? 414 : 431, {
    'content-type': 'application/json',
    connection: 'close',
  })
  response.end(JSON.stringify({ error }))
  return true
}

const faults = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

/** What is no HTTP gets one answer, and the connection ends. */
function onClientError(
  error: NodeJS.ErrnoException,
  socket: Socket | import('node:stream').Duplex,
) {
  if (!socket.writable) return void socket.destroy()
  const status = faults.get(error.code ?? '') ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new ConclaveError(
          'io_error',
          `Expected to listen on ${host} port ${port}, but got ${cause.code}. Give another port.`,
          { host, port },
          { cause },
        ),
      ),
    )
    server.listen(port, host, resolve)
  })
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function close(server: Server, stalls: StallWatch, now: boolean): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  if (now) server.closeAllConnections()
  else server.closeIdleConnections()
  return closed.finally(() => stalls.stop())
}

/**
 * Requests with a key, retries and errors that say what happened.
 * @module
 */
import { ConclaveError, type ErrorCode, errorCodes } from '../errors.ts'

/** Where the server is, and how it is asked. */
export interface ClientOptions {
  apiKey?: string
  /** Where the API is, `/v1` included. Default 'http://127.0.0.1:8000/v1'. */
  baseURL?: string
  /** Model of requests that name none. Default: left to the server. */
  model?: string
  /** In place of the global: `app.fetch` needs no socket. */
  fetch?: (input: string, init?: RequestInit) => Promise<Response>
  /** Times that a request is sent again after a 408, 429 or 5xx, or no answer. Default 2. */
  maxRetries?: number
  /** Milliseconds until an answer must begin. Default 600,000. */
  timeoutMs?: number
  /** More headers for every request. */
  headers?: Record<string, string>
}

/** Of one request. */
export interface CallOptions {
  signal?: AbortSignal | undefined
  headers?: Record<string, string | undefined> | undefined
}

const byStatus = new Map<number, ErrorCode>([
  [400, 'invalid_request'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [408, 'timeout'],
  [429, 'overloaded'],
  [503, 'not_ready'],
  [504, 'timeout'],
])

export class Transport {
  readonly #options: ClientOptions
  readonly #baseURL: string

  constructor(options: ClientOptions) {
    this.#options = options
    this.#baseURL = (options.baseURL ?? 'http://127.0.0.1:8000/v1').replace(/\/+$/, '')
  }

  get model(): string | undefined {
    return this.#options.model
  }

  /** A 2xx; anything else is thrown as a {@link ConclaveError}. */
  async send(path: string, body: object | undefined, call: CallOptions): Promise<Response> {
    const { maxRetries = 2 } = this.#options
    const text = body === undefined ? undefined : jsonOf(body)
    for (let attempt = 0; ; attempt++) {
      const failure = await this.#attempt(path, text, call)
      if (failure instanceof Response) return failure
      if (!failure.error.retryable || attempt >= maxRetries) throw failure.error
      await pause(failure.waitMs ?? Math.min(8000, 500 * 2 ** attempt), call.signal)
    }
  }

  async #attempt(path: string, body: string | undefined, call: CallOptions) {
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), this.#options.timeoutMs ?? 600_000)
    const signals = [timeout.signal, ...(call.signal ? [call.signal] : [])]
    const send = this.#options.fetch ?? fetch
    try {
      const response = await send(`${this.#baseURL}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: this.#headers(body !== undefined, call),
        signal: AbortSignal.any(signals),
        ...(body === undefined ? {} : { body }),
      })
      if (response.ok) return response
      return { error: await errorOf(response), waitMs: waitOf(response) }
    } catch (cause) {
      if (call.signal?.aborted) throw stopped(cause)
      const code = timeout.signal.aborted ? 'timeout' : 'io_error'
      const what = `Expected an answer of ${this.#baseURL}, but there was none`
      const help = 'Start a server there with `conclave serve`, or give the baseURL of another.'
      const message = `${what} (${reasonOf(cause)}). ${help}`
      return { error: new ConclaveError(code, message, {}, { cause }) }
    } finally {
      clearTimeout(timer)
    }
  }

  #headers(hasBody: boolean, call: CallOptions): Record<string, string> {
    const headers: Record<string, string> = { ...this.#options.headers }
    const { apiKey } = this.#options
    if (apiKey !== undefined) headers.authorization = `Bearer ${apiKey}`
    if (hasBody) headers['content-type'] = 'application/json'
    for (const [name, value] of Object.entries(call.headers ?? {}))
      if (value !== undefined) headers[name] = value
    return headers
  }
}

/** Throws `invalid_request` for what JSON cannot hold: a bigint, an object within itself. */
function jsonOf(body: object): string {
  try {
    return JSON.stringify(body)
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0]
    const message = `Expected a request that can be written as JSON, but it cannot: ${reason}.`
    throw new ConclaveError('invalid_request', message, {}, { cause })
  }
}

/** What is thrown where the caller's signal fires. */
export function stopped(cause: unknown): ConclaveError {
  return new ConclaveError('aborted', 'The request was stopped by its signal.', {}, { cause })
}

function reasonOf(cause: unknown): string {
  const inner = (cause as { cause?: { code?: string } } | null)?.cause?.code
  return inner ?? (cause instanceof Error ? cause.message : 'no reason given')
}

async function errorOf(response: Response): Promise<ConclaveError> {
  const { status } = response
  const body = await response.json().catch(() => undefined)
  return wireError((body as { error?: unknown } | undefined)?.error, status, response.headers)
}

/** An `error` object, of a body or of a stream. */
export function wireError(error: unknown, status: number, headers?: Headers): ConclaveError {
  const { message, code, param } = (error ?? {}) as Record<string, unknown>
  const known = typeof code === 'string' && Object.hasOwn(errorCodes, code)
  const fallback = byStatus.get(status) ?? (status >= 500 ? 'io_error' : 'invalid_request')
  const text = typeof message === 'string' ? message : `The server answered with ${status}.`
  const requestId = headers?.get('x-request-id') ?? undefined
  const details = { status, param: param ?? null, requestId }
  return new ConclaveError(known ? (code as ErrorCode) : fallback, text, details)
}

/** Milliseconds that the server asks to wait, at most a minute. */
function waitOf(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? Math.min(60, seconds) * 1000 : undefined
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(stopped(signal?.reason))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

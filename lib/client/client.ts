/**
 * A client of Conclave's server, and of any other that speaks OpenAI's API. Runs in browsers too.
 * @module
 */

import { ConclaveError } from '../errors.ts'
import {
  type ChatDelta,
  type ChatRequest,
  type ChatResponse,
  deltasOf,
  responseOf,
  type WireChat,
  type WireChunk,
} from './chat-types.ts'
import { readEvents } from './sse-parser.ts'
import { type CallOptions, type ClientOptions, stopped, Transport, wireError } from './transport.ts'

/**
 * Errors are `ConclaveError`s with the server's code and `details.status`: `unauthorized`,
 * `invalid_request`, `overloaded`, … ; `io_error` where there is no answer, `timeout`, `aborted`.
 * @example
 * const client = new QwenClient({ apiKey, baseURL })
 * const response = await client.chat({ messages: [{ role: 'user', content: 'Hello!' }] })
 * console.log(response.text)
 */
export class QwenClient {
  readonly #transport: Transport

  constructor(options: ClientOptions = {}) {
    this.#transport = new Transport(options)
  }

  /** Answers a conversation. */
  async chat(request: ChatRequest, options: CallOptions = {}): Promise<ChatResponse> {
    const body = { ...this.#named(request), stream: false }
    const response = await this.#transport.send('/chat/completions', body, options)
    const chat = await readBody<Partial<WireChat>>(response, options)
    if (chat?.choices?.[0]?.message === undefined) throw notOpenAI(response)
    return responseOf(chat as WireChat)
  }

  /**
   * The same, piece by piece; leaving the loop stops the work.
   * @example
   * for await (const { text } of client.stream({ messages })) process.stdout.write(text ?? '')
   */
  async *stream(
    request: ChatRequest,
    options: CallOptions = {},
  ): AsyncGenerator<ChatDelta, void, undefined> {
    const body = {
      ...this.#named(request),
      stream: true,
      stream_options: { include_usage: true },
    }
    const response = await this.#transport.send('/chat/completions', body, options)
    if (response.body === null) throw wireError(undefined, response.status)
    try {
      for await (const { data } of readEvents(response.body)) {
        if (data === '[DONE]') return
        const chunk = chunkOf(data, response)
        if (chunk.error !== undefined) throw wireError(chunk.error, 500, response.headers)
        yield* deltasOf(chunk)
      }
    } catch (error) {
      if (options.signal?.aborted) throw stopped(error)
      throw error instanceof ConclaveError ? error : cut(response, error)
    }
    throw cut(response)
  }

  /** One vector for each text. */
  async embed(
    input: string | string[],
    request: { model?: string; dimensions?: number; [field: string]: unknown } = {},
    options: CallOptions = {},
  ): Promise<number[][]> {
    const body = { ...this.#named(request), input, encoding_format: 'float' }
    const response = await this.#transport.send('/embeddings', body, options)
    const { data } = await readBody<{ data: { embedding: number[] }[] }>(response, options)
    return data.map(one => one.embedding)
  }

  /** Names of the models that are served. */
  async models(options: CallOptions = {}): Promise<string[]> {
    const response = await this.#transport.send('/models', undefined, options)
    return (await readBody<{ data: { id: string }[] }>(response, options)).data.map(one => one.id)
  }

  #named<T extends { model?: string }>(request: T): T {
    const { model } = this.#transport
    return request.model === undefined && model !== undefined ? { ...request, model } : request
  }
}

async function readBody<T>(response: Response, { signal }: CallOptions): Promise<T> {
  try {
    return (await response.json()) as T
  } catch (cause) {
    if (signal?.aborted) throw stopped(cause)
    throw cut(response, cause)
  }
}

function chunkOf(data: string, response: Response): WireChunk {
  let chunk: Partial<WireChunk> | null
  try {
    chunk = JSON.parse(data)
  } catch {
    throw notOpenAI(response)
  }
  if (!Array.isArray(chunk?.choices) && chunk?.error === undefined) throw notOpenAI(response)
  return chunk as WireChunk
}

/** Some of the answer came: it is not asked for again by itself. */
function cut(response: Response, cause?: unknown): ConclaveError {
  const details = { status: response.status, requestId: response.headers.get('x-request-id') }
  const message = 'Expected the whole answer, but the connection ended within it. Ask again.'
  return new ConclaveError('io_error', message, details, { cause })
}

function notOpenAI({ url, status, headers }: Response): ConclaveError {
  return new ConclaveError(
    'io_error',
    "Expected an answer as OpenAI's API has them, but it is another. Check that baseURL ends in /v1.",
    { status, url, requestId: headers.get('x-request-id') },
  )
}

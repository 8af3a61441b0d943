/**
 * Bodies as JSON: bounded before they are held, UTF-8 or nothing.
 * @module
 */
import { badField, Refusal } from './refusal.ts'

/** The parsed body. Throws a 413, 415 or 400. */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const { headers } = request
  const type = headers.get('content-type') ?? ''
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type))
    throw unsupported('Expected the header Content-Type: application/json.')
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity')
    throw unsupported('Expected a body without Content-Encoding.')
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const text = await readText(request, maxBytes)
  try {
    return JSON.parse(text)
  } catch {
    throw badField('body', 'Expected the body to be valid JSON, but it does not parse.')
  }
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  // A stated length is held to by whoever counts the bytes: read at once, it is much cheaper.
  if (request.headers.has('content-length')) {
    const bytes = await bytesOf(request)
    if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes)
    return decode(bytes)
  }
  if (request.body === null) throw badField('body', 'Expected a JSON body, but it is empty.')
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return decode(Buffer.concat(chunks))
}

async function bytesOf(request: Request): Promise<ArrayBuffer> {
  try {
    return await request.arrayBuffer()
  } catch {
    throw badField('body', 'Expected the whole body, but the connection ended before it came.')
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: ArrayBuffer | Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw badField('body', 'Expected the body in UTF-8.')
  }
}

function unsupported(message: string): Refusal {
  return new Refusal({ status: 415, code: 'invalid_request', message })
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal({
    status: 413,
    code: 'invalid_request',
    message: `Expected a body of at most ${maxBytes} bytes. Send a shorter conversation.`,
    headers: { connection: 'close' },
  })
}

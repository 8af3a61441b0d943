/** A Hub on the loopback interface: model info, file list, ranges, and faults on request. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'

export interface HubFaults {
  /** The connection breaks after this many bytes of a file, for this many requests. */
  cut?: { bytes: number; times: number }
  /** Ranges are answered with the whole file. */
  ignoreRange?: boolean
  /** Weights arrive with one byte changed. */
  corrupt?: boolean
  /** Every file arrives one byte longer. */
  longer?: boolean
  /** This stands where the weights should, as the 200 of a proxy or a login page. */
  page?: Buffer
  /** Files are sent with this content-encoding, which `page` may already have. */
  encoding?: string
  /** Weights that never end. */
  endless?: boolean
  /** Status of every answer. */
  status?: number
  /** The token that is required. */
  token?: string
  /** The second page of the file list and all files lie on this origin. */
  elsewhere?: string
}

export interface Asked {
  path: string
  range: string | undefined
  authorization: string | undefined
}

function* withoutEnd(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(1 << 16, 'weights ')
}

export const commit = 'c0ffee'.padEnd(40, '0')

export class HubServer {
  readonly files: Map<string, Buffer>
  readonly asked: Asked[] = []
  faults: HubFaults = {}
  url = ''
  readonly #server = createServer((request, response) => this.#answer(request, response))

  constructor(files: Record<string, Buffer | string>) {
    this.files = new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]))
  }

  async listen(): Promise<this> {
    await new Promise<void>(done => this.#server.listen(0, '127.0.0.1', done))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Requests for the bytes of files. */
  downloads(): Asked[] {
    return this.asked.filter(({ path }) => path.includes('/resolve/'))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '', 'http://x').pathname
    const { range, authorization } = request.headers
    this.asked.push({ path, range, authorization })
    const { status, token } = this.faults
    const denied = token !== undefined && authorization !== `Bearer ${token}`
    if (status !== undefined || denied) {
      response.writeHead(status ?? 401).end('fault')
      return
    }
    const name = path.split(`/tiny/model/resolve/${commit}/`)[1] ?? ''
    const bytes = this.files.get(name)
    if (path.startsWith('/api/models/tiny/model/revision/')) {
      this.#json(response, { id: 'tiny/model', _id: '1', sha: commit })
    } else if (path.startsWith(`/api/models/tiny/model/tree/${commit}`)) {
      this.#list(response)
    } else if (bytes !== undefined) {
      this.#send(response, name, bytes, range)
    } else {
      response.writeHead(404).end()
    }
  }

  #json(response: ServerResponse, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }

  #list(response: ServerResponse): void {
    const entries = [...this.files].map(([path, bytes]) => {
      const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
      const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
      const large = path.endsWith('.safetensors')
      return { type: 'file', path, size: bytes.length, oid, ...(large ? { lfs } : {}) }
    })
    const { elsewhere } = this.faults
    if (elsewhere !== undefined) response.setHeader('link', `<${elsewhere}/more>; rel="next"`)
    this.#json(response, entries)
  }

  #send(response: ServerResponse, name: string, whole: Buffer, range: string | undefined): void {
    const { cut, ignoreRange, corrupt, longer, page, encoding, endless } = this.faults
    if (page !== undefined && name.endsWith('.safetensors')) {
      response.writeHead(200, encoding === undefined ? {} : { 'content-encoding': encoding })
      response.end(page)
      return
    }
    if (endless && name.endsWith('.safetensors')) {
      response.writeHead(200)
      Readable.from(withoutEnd()).pipe(response)
      return
    }
    const from = ignoreRange ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const bytes = Buffer.from(whole)
    if (corrupt && name.endsWith('.safetensors')) bytes[bytes.length - 1]! ^= 1
    const rest = Buffer.concat([bytes.subarray(from), Buffer.alloc(longer ? 1 : 0)])
    const head: Record<string, string | number> = longer ? {} : { 'content-length': rest.length }
    if (from > 0) head['content-range'] = `bytes ${from}-${whole.length - 1}/${whole.length}`
    response.writeHead(from > 0 ? 206 : 200, head)
    if (cut === undefined || cut.times === 0 || rest.length <= cut.bytes) {
      response.end(rest)
      return
    }
    cut.times--
    response.write(rest.subarray(0, cut.bytes), () => setTimeout(() => response.destroy(), 20))
  }
}

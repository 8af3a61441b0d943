/**
 * One file of the Hub into the cache's blobs: resumable, checked by size and hash, visible only
 * when whole.
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OpenFile } from '../disk/open-file.ts'
import { isDiskFull } from '../disk/system-error.ts'
import { writeAll } from '../disk/write.ts'
import { ConclaveError } from '../errors.ts'

/** What the Hub's file list says about a file. */
export interface HubFile {
  readonly path: string
  readonly size: number
  /** SHA-256 of the content (large files, 64 digits) or the git blob id (SHA-1, 40 digits). */
  readonly hash: string
}

/** How to fetch: `request` adds credentials and the abort signal. */
export interface Download {
  readonly url: string
  readonly file: HubFile
  /** Final path; beside it lies `<blob>.incomplete` while bytes are missing. */
  readonly blob: string
  readonly request: (url: string, headers: Record<string, string>) => Promise<Response>
  /** Called with the bytes of this file that are on disk. */
  readonly onBytes: (doneBytes: number) => void
}

// In a row that each bring less than a mebibyte.
const maxAttempts = 5

/**
 * Downloads to `blob`, going on from an incomplete file of an earlier try. Cut connections are
 * tried again.
 * Throws `hash_mismatch`, `disk_full` or `io_error`; the bytes so far stay for the next call, unless
 * they are another file's.
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { blob, file, onBytes } = download
  await mkdir(dirname(blob), { recursive: true })
  const incomplete = `${blob}.incomplete`
  // Bytes are written at their position, never appended: two processes write the same bytes to the
  // same place.
  const handle = await OpenFile.open(incomplete)
  try {
    let hash = newHash(file)
    let at = await hashPrefix(handle, hash, file)
    for (let failures = 0; at < file.size; ) {
      onBytes(at)
      const before = at
      try {
        const body = await openBody(download, at)
        if (body.from !== at) [at, hash] = [body.from, newHash(file)]
        at = await writeBody(body.stream, handle, hash, at, download)
      } catch (error) {
        if (!(error instanceof CutError)) throw error
        at = error.at
        failures = at - before >= 2 ** 20 ? 1 : failures + 1
        if (failures >= maxAttempts) throw error.cause
        await delay(100 * 2 ** failures)
      }
    }
    await finish(handle, hash, download)
  } catch (error) {
    // Bytes of another file, a page of an error perhaps: the next call begins anew.
    const isOther = error instanceof ConclaveError && error.code === 'hash_mismatch'
    if (isOther) await rm(incomplete, { force: true })
    if (!isDiskFull(error)) throw error
    throw new ConclaveError(
      'disk_full',
      `Expected room for ${file.size} bytes of ${file.path} on the disk of ${dirname(blob)}, ` +
        'but it is full.',
      { path: file.path, bytes: file.size },
      { cause: error },
    )
  } finally {
    handle.close()
  }
}

/** The connection broke after `at` bytes were stored. */
class CutError extends Error {
  readonly at: number
  constructor(at: number, cause: unknown) {
    super('connection cut', { cause })
    this.at = at
  }
}

function newHash({ hash, size }: HubFile): Hash {
  return hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

async function hashPrefix(handle: OpenFile, hash: Hash, file: HubFile): Promise<number> {
  const size = await handle.size()
  if (size > file.size) {
    await handle.truncate(0)
    return 0
  }
  const buffer = Buffer.alloc(Math.min(size, 1 << 20))
  let at = 0
  while (at < size) {
    const bytesRead = await handle.read(buffer, at)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return at
}

interface Body {
  readonly stream: AsyncIterable<Uint8Array>
  /** Offset of the first byte that the server sends. */
  readonly from: number
}

async function openBody({ url, file, request }: Download, at: number): Promise<Body> {
  const headers: Record<string, string> = at > 0 ? { Range: `bytes=${at}-` } : {}
  const response = await request(url, headers)
  if (!response.ok || response.body === null) {
    throw new ConclaveError(
      'io_error',
      `Expected ${file.path} from ${url}, but the server answered ${response.status}.`,
      { status: response.status },
    )
  }
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')
  const from = response.status === 206 ? Number(range?.[1] ?? Number.NaN) : 0
  if (from !== at && from !== 0) {
    throw new ConclaveError(
      'io_error',
      `Expected bytes from ${at} of ${file.path}, but the server sent others.`,
    )
  }
  return { stream: response.body as unknown as AsyncIterable<Uint8Array>, from }
}

async function writeBody(
  stream: AsyncIterable<Uint8Array>,
  handle: OpenFile,
  hash: Hash,
  from: number,
  { file, onBytes }: Download,
): Promise<number> {
  let at = from
  const chunks = stream[Symbol.asyncIterator]()
  while (true) {
    let chunk: IteratorResult<Uint8Array>
    try {
      chunk = await chunks.next()
    } catch (error) {
      if (error instanceof ConclaveError || (error as Error).name === 'AbortError') throw error
      throw new CutError(at, error)
    }
    if (chunk.done) break
    if (at + chunk.value.length > file.size) throw mismatch(file, 'the server sent more bytes')
    await writeAll(handle, chunk.value, at)
    hash.update(chunk.value)
    at += chunk.value.length
    onBytes(at)
  }
  if (at < file.size) throw new CutError(at, mismatch(file, `the server stopped at ${at}`))
  return at
}

async function finish(handle: OpenFile, hash: Hash, { file, blob, onBytes }: Download) {
  if (hash.digest('hex') !== file.hash) throw mismatch(file, 'the content is another')
  await handle.sync()
  try {
    await rename(`${blob}.incomplete`, blob)
  } catch (error) {
    // Another process that fetched the same file was faster.
    if (!(await stat(blob).catch(() => null))) throw error
  }
  onBytes(file.size)
}

function mismatch(file: HubFile, came: string): ConclaveError {
  return new ConclaveError(
    'hash_mismatch',
    `Expected ${file.size} bytes of ${file.path} with hash ${file.hash}, but ${came}. Try again.`,
    { path: file.path, size: file.size, hash: file.hash },
  )
}

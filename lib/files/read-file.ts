/**
 * Reading small files of a model folder: regular files only, bounded, never outside of the folder.
 * @module
 */
import { closeSync, constants, fstat, open, read } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'
import { systemCode } from '../disk/system-error.ts'
import { ConclaveError } from '../errors.ts'
import { inSlices } from '../slices.ts'
import { maxMembers, parseJson } from './json-slices.ts'

// Node closes what these opened where a worker ends in between; of fs/promises it loses a file that
// was just being opened.
export const system = { open: promisify(open), fstat: promisify(fstat), read: promisify(read) }

const mebibyte = 2 ** 20

/** Bytes that are read and decoded at a time. */
const pieceBytes = mebibyte

/** Largest size of each kind of file that is read whole, in bytes. */
export const fileLimits = {
  config: 8 * mebibyte,
  index: 64 * mebibyte,
  // The largest published ones have 33 MB.
  tokenizer: 64 * mebibyte,
  template: mebibyte,
} as const

function absent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error))
}

/** A folder and where its files may really lie. */
export interface Folder {
  /** As the caller gave it, made absolute. */
  readonly path: string
  /**
   * Real paths that its files may resolve to: the folder, and the blobs of a Hugging Face cache.
   */
  readonly roots: readonly string[]
}

/** Resolves links in `path`, which must be a folder. Throws `io_error` where it is not there. */
export async function openFolder(path: string): Promise<Folder> {
  if (path.includes('\0')) {
    throw new ConclaveError('path_forbidden', 'Expected a path without NUL characters.')
  }
  let real: string
  let isFolder: boolean
  try {
    real = await realpath(path)
    isFolder = (await stat(real)).isDirectory()
  } catch (error) {
    throw unreadable(`a model folder at ${path}`, error)
  }
  if (!isFolder) throw notAFolder(path)
  // <repository>/snapshots/<revision>/x links to <repository>/blobs/<hash>.
  const snapshots = dirname(real)
  const blobs = join(dirname(snapshots), 'blobs')
  const cached = basename(snapshots) === 'snapshots' && (await realpath(blobs).catch(() => ''))
  return { path, roots: cached === blobs ? [real, blobs] : [real] }
}

function notAFolder(path: string): ConclaveError {
  return new ConclaveError(
    'io_error',
    `Expected a model folder at ${path}, but it is a file. Give the folder that holds config.json.`,
  )
}

function unreadable(what: string, error: unknown): ConclaveError {
  const code = systemCode(error)
  const reason = absent(error) ? 'there is nothing' : `the system answered ${code || String(error)}`
  const options = { cause: error }
  return new ConclaveError('io_error', `Expected ${what}, but ${reason}.`, { code }, options)
}

/**
 * The real path of a file of the folder, or null where it is absent.
 * Throws `path_forbidden` where links lead out of it, `invalid_file` where it is not a regular
 * file.
 */
export async function resolveFile(folder: Folder, name: string): Promise<string | null> {
  const path = join(folder.path, name)
  let real: string
  let isFile: boolean
  try {
    real = await realpath(path)
    isFile = (await stat(real)).isFile()
  } catch (error) {
    if (absent(error)) return null
    throw unreadable(`a readable file at ${path}`, error)
  }
  if (!folder.roots.some(root => real.startsWith(root.endsWith(sep) ? root : root + sep))) {
    throw new ConclaveError(
      'path_forbidden',
      `Expected ${name} to stay inside ${folder.path}, but it links to a file outside of it. ` +
        'Copy the file into the folder.',
      { name },
    )
  }
  if (!isFile) throw notRegular(path)
  return real
}

function notRegular(path: string): ConclaveError {
  return new ConclaveError('invalid_file', `Expected a regular file at ${path}.`, { path })
}

/**
 * The text of a file of the folder, or null where it is absent. `invalid_file` if larger than
 * `maxBytes` or not UTF-8.
 */
export async function readText(
  folder: Folder,
  name: string,
  maxBytes: number,
): Promise<string | null> {
  const real = await resolveFile(folder, name)
  if (real === null) return null
  const path = join(folder.path, name)
  try {
    return await withFile(real, descriptor => decode(descriptor, path, maxBytes))
  } catch (error) {
    if (error instanceof ConclaveError) throw error
    throw unreadable(`a readable file at ${path}`, error)
  }
}

/** Opens a file, which may be a pipe by now, without waiting, and closes it after `use`. */
export async function withFile<T>(
  path: string,
  use: (descriptor: number) => Promise<T>,
): Promise<T> {
  // Without O_NONBLOCK a pipe that has taken the file's place would hang the open.
  const descriptor = await system.open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    return await use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The first `bytes` of a regular file, or fewer where it is shorter; null for anything else. */
export async function firstBytes(descriptor: number, bytes: number): Promise<Buffer | null> {
  if (!(await system.fstat(descriptor)).isFile()) return null
  const { buffer, bytesRead } = await system.read(descriptor, Buffer.alloc(bytes), 0, bytes, 0)
  return buffer.subarray(0, bytesRead)
}

async function decode(descriptor: number, path: string, maxBytes: number): Promise<string> {
  const stats = await system.fstat(descriptor)
  if (!stats.isFile()) throw notRegular(path)
  if (stats.size > maxBytes) {
    throw new ConclaveError(
      'invalid_file',
      `Expected ${path} to have at most ${maxBytes} bytes, but it has ${stats.size}.`,
      { path, limit: maxBytes, actual: stats.size },
    )
  }
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decodePiece = (bytes: Buffer, stream: boolean) => {
    try {
      return decoder.decode(bytes, { stream })
    } catch {
      throw notUtf8(path)
    }
  }
  const piece = Buffer.alloc(Math.min(stats.size, pieceBytes))
  let text = ''
  for (let at = 0; at < stats.size; ) {
    const wanted = Math.min(piece.length, stats.size - at)
    const { bytesRead } = await system.read(descriptor, piece, 0, wanted, at)
    if (bytesRead === 0) throw shorter(path)
    at += bytesRead
    text += decodePiece(piece.subarray(0, bytesRead), at < stats.size)
  }
  return text
}

function notUtf8(path: string): ConclaveError {
  const message = `Expected UTF-8 text in ${path}, but the bytes are not.`
  return new ConclaveError('invalid_file', message, { path })
}

function shorter(path: string): ConclaveError {
  return new ConclaveError(
    'file_changed',
    `Expected ${path} to stay as it was, but it became shorter while it was read. Load the ` +
      'model again.',
    { path },
  )
}

/**
 * The parsed JSON of a file of the folder, or undefined where it is absent. `invalid_file` if it is
 * not JSON.
 */
export async function readJson(folder: Folder, name: string, maxBytes: number): Promise<unknown> {
  const text = await readText(folder, name, maxBytes)
  if (text === null) return undefined
  try {
    return await inSlices(parseJson(text))
  } catch (error) {
    // The engine's message may quote the file; the position is what helps.
    const at = /position (\d+)/.exec(String(error))?.[1]
    const where = at === undefined ? '' : ` at character ${at}`
    const what =
      error instanceof RangeError
        ? `has an object of more than ${maxMembers} members`
        : 'breaks off or is malformed'
    throw new ConclaveError(
      'invalid_file',
      `Expected JSON in ${join(folder.path, name)}, but it ${what}${where}.`,
      { name },
    )
  }
}

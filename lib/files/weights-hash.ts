/**
 * Which weights these are: one SHA-256 that anybody can check with `sha256sum`.
 * @module
 */
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ConclaveError } from '../errors.ts'
import { system, withFile } from './read-file.ts'

/** Hashed in one go: a fraction of a millisecond, which other requests do not notice. */
const pieceBytes = 256 * 1024

/**
 * Of one file its SHA-256, which model hubs show too. Of several the SHA-256 of theirs as sorted
 * lines: `sha256sum *.safetensors | cut -c-64 | LC_ALL=C sort | sha256sum`. Every byte is read, in
 * pieces between which others have their turns.
 * Throws `io_error` where a file cannot be read or changes meanwhile, `aborted`.
 */
export async function hashWeights(files: readonly string[], signal?: AbortSignal): Promise<string> {
  const hashes: string[] = []
  for (const file of files) hashes.push(await hashFile(file, signal))
  if (hashes.length === 1) return hashes[0]!
  const lines = hashes.toSorted().map(hash => `${hash}\n`)
  return createHash('sha256').update(lines.join('')).digest('hex')
}

async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  try {
    return await withFile(path, descriptor => hashOf(descriptor, path, signal))
  } catch (cause) {
    if (cause instanceof ConclaveError) throw cause
    throw new ConclaveError(
      'io_error',
      `Expected to read the weights ${path}, but they cannot be read. Check the file.`,
      { path },
      { cause },
    )
  }
}

async function hashOf(descriptor: number, path: string, signal?: AbortSignal): Promise<string> {
  const before = await system.fstat(descriptor, { bigint: true })
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(pieceBytes)
  // A file that grows has an end too.
  for (let done = 0n; done <= before.size; ) {
    if (signal?.aborted) throw new ConclaveError('aborted', 'The hash is not wanted any more.')
    const { bytesRead } = await system.read(descriptor, piece, 0, pieceBytes, null)
    if (bytesRead === 0) break
    done += BigInt(bytesRead)
    hash.update(piece.subarray(0, bytesRead))
    await nextTurn()
  }
  const after = await system.fstat(descriptor, { bigint: true })
  if (after.size === before.size && after.mtimeNs === before.mtimeNs) return hash.digest('hex')
  throw new ConclaveError(
    'io_error',
    `Expected the weights ${path} to stay as they are, but they changed while they were hashed. ` +
      'Start the server again.',
    { path },
  )
}

/**
 * All of some bytes into a file.
 * @module
 */
import type { FileHandle } from 'node:fs/promises'

/** A write may take less than it was given; on a disk that is nearly full it does. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at)
    at += bytesWritten
  }
}

/**
 * Bytes and names that are on the disk when a call is done.
 * @module
 */
import { type FileHandle, open } from 'node:fs/promises'
import type { OpenFile } from './open-file.ts'

/**
 * Writes all of `bytes`, at `offset` or where the file stands. A write may take less than it was
 * given; on a disk that is nearly full it does.
 */
export async function writeAll(
  file: Pick<FileHandle | OpenFile, 'write'>,
  bytes: Uint8Array,
  offset?: number,
): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const at = offset === undefined ? null : offset + done
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at)
    done += bytesWritten
  }
}

/** A new name lasts once its folder is synced; Windows cannot open one, and journals names. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

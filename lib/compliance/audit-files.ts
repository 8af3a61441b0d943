/**
 * The file operations of the audit log, in one place so that each can be made to fail.
 * @module
 */
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConclaveError } from '../errors.ts'

export interface AuditFiles {
  /** The bytes of a file; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>
  /** Writes `bytes` at `offset`, cuts the file behind them and syncs it. */
  write(path: string, offset: number, bytes: Uint8Array): Promise<void>
  /** Puts a whole file in place of another, or none. */
  replace(path: string, bytes: Uint8Array): Promise<void>
  remove(path: string): Promise<void>
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    done += bytesWritten
  }
}

/** A new name lasts once its folder is synced; Windows cannot sync one. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export const diskFiles: AuditFiles = {
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },

  async write(path, offset, bytes) {
    let isNew = false
    const file = await open(path, 'r+').catch(error => {
      if (error.code !== 'ENOENT') throw error
      isNew = true
      return open(path, 'wx+', 0o600)
    })
    try {
      await writeAll(file, bytes, offset)
      await file.truncate(offset + bytes.length)
      await file.sync()
    } finally {
      await file.close()
    }
    if (isNew) await syncFolder(path)
  },

  async replace(path, bytes) {
    const fresh = `${path}.new`
    const file = await open(fresh, 'w', 0o600)
    try {
      await writeAll(file, bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
    await syncFolder(path)
  },

  async remove(path) {
    await rm(path, { force: true })
    await syncFolder(path)
  },
}

/** What the system said, as an error of ours. */
export function fileError(path: string, error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  const { code = 'unknown' } = error as NodeJS.ErrnoException
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return new ConclaveError(
    full ? 'disk_full' : 'io_error',
    `Expected to write the audit log in ${path}, but the system refused (${code}). ` +
      `${full ? 'Free space' : 'Check the disk'}; what was confirmed is safe.`,
    { path, system: code },
    { cause: error },
  )
}

/**
 * The file operations of the audit log, in one place so that each can be made to fail.
 * @module
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isDiskFull, systemCode } from '../disk/system-error.ts'
import { syncFolder, writeAll } from '../disk/write.ts'
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

export const diskFiles: AuditFiles = {
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
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
    if (isNew) await syncFolder(dirname(path))
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
    await syncFolder(dirname(path))
  },

  async remove(path) {
    await rm(path, { force: true })
    await syncFolder(dirname(path))
  },
}

/** What the system said, as an error of ours. */
export function fileError(path: string, error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error
  const code = systemCode(error) || 'unknown'
  const full = isDiskFull(error)
  return new ConclaveError(
    full ? 'disk_full' : 'io_error',
    `Expected to write the audit log in ${path}, but the system refused (${code}). ` +
      `${full ? 'Free space' : 'Check the disk'}; what was confirmed is safe.`,
    { path, system: code },
    { cause: error },
  )
}

/**
 * A folder that appears whole or not at all: written beside its place under another name, flushed,
 * then renamed.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isRunning } from '../disk/process.ts'
import { isDiskFull, systemCode } from '../disk/system-error.ts'
import { syncFolder } from '../disk/write.ts'
import { ConclaveError } from '../errors.ts'

/**
 * Runs `write` with an empty folder that becomes `path` when it is done. Nothing is left where it
 * throws; what a killed process left is removed by the next one with the same path on this machine.
 * Throws `disk_full` or `io_error`, and `invalid_request` where `path` is already there.
 */
export function writeNewFolder<T>(path: string, write: (folder: string) => Promise<T>): Promise<T> {
  return writeBeside(path, write, temporary => publish(temporary, path))
}

/** The same for one file, in the same way and with the same errors. */
export function writeNewFile<T>(
  path: string,
  write: (file: FileHandle, folder: string) => Promise<T>,
): Promise<T> {
  const inside = (temporary: string) => join(temporary, 'file')
  return writeBeside(
    path,
    temporary => writeFlushed(inside(temporary), file => write(file, temporary)),
    async temporary => {
      await publishFile(inside(temporary), path)
      await rm(temporary, { recursive: true, force: true }).catch(() => {})
    },
  )
}

async function writeBeside<T>(
  path: string,
  write: (folder: string) => Promise<T>,
  publishAs: (temporary: string) => Promise<void>,
): Promise<T> {
  await refuseExisting(path)
  const parent = dirname(path)
  const prefix = temporaryPrefix(path)
  let temporary: string | undefined
  try {
    await mkdir(parent, { recursive: true })
    await removeLeftovers(parent, prefix)
    const unique = `${process.pid}-${randomBytes(4).toString('hex')}`
    temporary = join(parent, `${prefix}${unique}.partial`)
    await mkdir(temporary)
    const result = await write(temporary)
    await syncFolder(temporary)
    await publishAs(temporary)
    temporary = undefined
    await syncFolder(parent)
    return result
  } catch (error) {
    throw asConclaveError(error, path)
  } finally {
    // The first error is the one to tell; what stays behind is removed by the next run.
    if (temporary !== undefined)
      await rm(temporary, { recursive: true, force: true }).catch(() => {})
  }
}

async function refuseExisting(path: string): Promise<void> {
  const there = await lstat(path).catch(error => {
    if (systemCode(error) === 'ENOENT') return null
    throw asConclaveError(error, path)
  })
  if (there !== null) throw alreadyThere(path)
}

/** Two runs that finish together: the rename of the second meets a folder that is not empty. */
async function publish(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path)
  } catch (error) {
    const taken = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM'].includes(systemCode(error))
    if (taken) await refuseExisting(path)
    throw error
  }
}

/** A link never replaces what came first; where a disk has no links, a rename has to do. */
async function publishFile(file: string, path: string): Promise<void> {
  try {
    await link(file, path)
  } catch (error) {
    await refuseExisting(path)
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(systemCode(error))) throw error
    await rename(file, path)
  }
}

/** Of this machine alone: on a shared disk, another's process ids say nothing. */
function temporaryPrefix(path: string): string {
  const hash = createHash('sha256')
    .update(`${hostname()}\0${basename(path)}`)
    .digest('hex')
  return `.conclave-${hash.slice(0, 16)}-`
}

async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) && /^(\d+)-.*\.partial$/.exec(name.slice(prefix.length))
    if (pid && !isRunning(Number(pid[1])))
      await rm(join(parent, name), { recursive: true, force: true })
  }
}

/** Creates a file and hands it to `write`; its bytes are on the disk when this is done. */
export async function writeFlushed<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, 'wx')
  try {
    const result = await write(file)
    await file.sync()
    return result
  } finally {
    await file.close()
  }
}

const alreadyThere = (path: string) =>
  new ConclaveError(
    'invalid_request',
    `Expected a path where nothing is yet, but ${path} is already there. Give another, or remove ` +
      'it first.',
    { path },
  )

function asConclaveError(error: unknown, path: string): ConclaveError {
  if (error instanceof ConclaveError) return error
  const code = systemCode(error)
  if (code === '') throw error
  const full = isDiskFull(error)
  const reason = full
    ? 'the disk is full. Free some, or choose another place.'
    : `the system answered ${code}. Check the path and its permissions.`
  return new ConclaveError(
    full ? 'disk_full' : 'io_error',
    `Expected to write ${path}, but ${reason}`,
    { path, code },
    { cause: error },
  )
}

/**
 * One process at a time owns a file: a second one is refused, a dead owner is replaced.
 * @module
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { ConclaveError } from '../errors.ts'
import { isRunning } from './process.ts'
import { isDiskFull, systemCode } from './system-error.ts'

/** When a process started, in the system's own ticks; '' where the system does not say. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** Takes `path` for this process; what is returned gives it back. Throws `io_error`. */
export function takeOwnership(path: string): () => void {
  const mine = `${process.pid} ${startOf(process.pid)}`
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = openSync(path, 'wx', 0o600)
      writeSync(file, mine)
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw unwritable(path, error)
    }
    removeDead(path, tries)
  }
  throw unwritable(path, undefined)
}

/** Removes the file of a dead owner; throws where it lives. */
function removeDead(path: string, tries: number): void {
  refuseLiving(path, path)
  // Two may see the same dead owner: whoever moves the file away looks again at what it moved.
  const aside = `${path}.${process.pid}.${tries}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  try {
    refuseLiving(aside, path)
  } catch (error) {
    renameSync(aside, path)
    throw error
  }
  rmSync(aside, { force: true })
}

function refuseLiving(file: string, path: string): void {
  let held = ''
  try {
    held = readFileSync(file, 'utf8')
  } catch {
    return
  }
  const [pid = 0, start = ''] = held.split(' ')
  const lives = Number(pid) > 0 && isRunning(Number(pid))
  // A process number is used again after a restart of the machine.
  const same = start === '' || startOf(Number(pid)) === start
  if (!lives || !same) return
  throw new ConclaveError(
    'io_error',
    `Expected to be the one process that uses this store, but process ${pid} does. Stop it, or ` +
      'give several servers one PostgreSQL database.',
    { path, pid: Number(pid) },
  )
}

function unwritable(path: string, cause: unknown): ConclaveError {
  return new ConclaveError(
    isDiskFull(cause) ? 'disk_full' : 'io_error',
    `Expected to write ${path}, but the system refused (${systemCode(cause)}). Check the folder.`,
    { path },
    { cause },
  )
}

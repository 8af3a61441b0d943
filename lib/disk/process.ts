/**
 * Whether whoever left a file behind still runs.
 * @module
 */
import { systemCode } from './system-error.ts'

/** True where a process of this machine has the id, whoever owns it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}

/**
 * Memory that this process may still take. The one file here that looks at the operating system.
 * @module
 */
import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'

/**
 * Bytes; a container's limit is respected, and file cache that the system would give up counts as
 * free.
 */
export function availableMemory(): number {
  const limit = process.constrainedMemory()
  if (!(limit > 0 && limit < totalmem())) return freemem()
  return Math.min(freemem(), process.availableMemory() + cgroupFileCache(), limit)
}

/** A container's page cache counts towards its limit, but is dropped before anything fails. */
function cgroupFileCache(): number {
  try {
    const stat = readFileSync('/sys/fs/cgroup/memory.stat', 'utf8')
    const bytes = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
    return bytes('inactive_file') + bytes('active_file')
  } catch {
    return 0
  }
}

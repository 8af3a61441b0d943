/**
 * What the system says when a file operation fails.
 * @module
 */
import { constants } from 'node:os'

/** The code of a system error such as ENOENT; '' where it is none. */
export function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? ''
}

/** True where a disk, a quota or the largest size of a file is used up. */
export function isDiskFull(error: unknown): boolean {
  // Node has no name for a quota that is used up: it comes as a number alone.
  const errno = (error as NodeJS.ErrnoException | null)?.errno
  return ['ENOSPC', 'EFBIG'].includes(systemCode(error)) || errno === -constants.errno.EDQUOT
}

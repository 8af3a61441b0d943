/**
 * A bar on standard error for what takes longer than a moment, on a terminal only.
 * @module
 */
import type { LoadProgress } from '../native.ts'

const quietMs = 500
const width = 24

export function loadProgress() {
  const start = performance.now()
  let drawn = false
  return {
    update({ phase, doneBytes, totalBytes }: LoadProgress): void {
      if (!process.stderr.isTTY || performance.now() - start < quietMs || totalBytes === 0) return
      const share = Math.min(1, doneBytes / totalBytes)
      const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '░')
      const sizes = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
      process.stderr.write(`\r\x1b[K${phase} ${bar} ${(share * 100).toFixed(0)} %  ${sizes}`)
      drawn = true
    },
    clear(): void {
      if (drawn) process.stderr.write('\r\x1b[K')
    },
  }
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes > 0 ? Math.min(4, Math.floor(Math.log2(bytes) / 10)) : 0
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

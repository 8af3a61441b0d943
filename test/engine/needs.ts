import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach } from 'vitest'

export const root = join(import.meta.dirname, '../..')
export const addon = 'build/Release/conclave.node'

/** The first of these files of the project that is not there. */
export function firstMissing(files: readonly string[]): string | undefined {
  return files.find(file => !existsSync(join(root, file)))
}

/** Skips the tests of a `describe`, with the reason, where a file that they need was not built. */
export function needs(...files: string[]): void {
  const missing = firstMissing(files)
  beforeEach(context => {
    if (missing !== undefined) context.skip(`${missing} is not there`)
  })
}

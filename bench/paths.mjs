// Where the benches keep what is too large for git.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const benchFolder = dirname(fileURLToPath(import.meta.url))
export const projectFolder = dirname(benchFolder)
export const cacheFolder = process.env.CONCLAVE_BENCH_CACHE ?? join(benchFolder, '.cache')
export const libraryFile = join(projectFolder, 'dist/index.mjs')
export const commandFile = join(projectFolder, 'dist/cli.mjs')
export const defaultModelFolder = join(projectFolder, 'default-model')

/** The embedded model, once it is in the tree. */
export const hasDefaultModel = () => existsSync(join(defaultModelFolder, 'config.json'))

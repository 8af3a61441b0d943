// npm's install step. In an installed package it compiles the addon; in a clone `npm start` does all that is needed, so
// that a failure to compile is met with a sentence and not with a failed `npm ci`.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildNative } from './build-native.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isClone = existsSync(join(root, 'tsconfig.json'))
if (!isClone && !existsSync(join(root, 'build/Release/conclave.node'))) {
  try {
    buildNative()
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

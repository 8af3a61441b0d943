// node-llama-cpp with its prebuilt CPU addon, in the cache folder and never a dependency of the
// package.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../paths.mjs'

export const peerVersion = '3.22.1'

/**
 * The folder of the installed module. Throws where npm cannot fetch it or no addon is built for
 * this machine.
 */
export async function ensurePeer() {
  const folder = join(cacheFolder, 'peer')
  const module = join(folder, 'node_modules/node-llama-cpp')
  if (existsSync(join(folder, 'ready'))) return module
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
  const system = { win32: 'win', darwin: 'mac' }[process.platform] ?? process.platform
  const addon = `@node-llama-cpp/${system}-${process.arch}`
  // Its other optional parts are GPU builds of several hundred megabytes.
  const packages = [`node-llama-cpp@${peerVersion}`, `${addon}@${peerVersion}`]
  const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund']
  await promisify(execFile)('npm', ['install', ...packages, ...flags], { cwd: folder })
  writeFileSync(join(folder, 'ready'), '')
  return module
}

// Builds the addon: node-gyp reads binding.gyp, which hands over to cmake-js, which runs CMake.
// node-gyp needs Python; on a machine without it cmake-js is called directly and does the same work.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const has = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Sentences that name what is missing and the command that installs it; empty when all is there. */
export function missingTools() {
  const missing = []
  const debian = has('apt-get', '--version')
  const how = name =>
    debian
      ? `apt-get install -y ${name}`
      : process.platform === 'darwin'
        ? `brew install ${name}`
        : `install ${name} with your package manager`
  if (!has('cmake', '--version')) missing.push(`CMake ≥ 3.22 is missing: ${how('cmake')}`)
  if (process.platform !== 'win32' && !['c++', 'g++', 'clang++'].some(c => has(c, '--version'))) {
    missing.push(
      `A C++20 compiler is missing: ${process.platform === 'darwin' ? 'xcode-select --install' : how('g++')}`,
    )
  }
  if (process.platform !== 'win32' && !has('make', '--version') && !has('ninja', '--version')) {
    missing.push(`make is missing: ${how('make')}`)
  }
  return missing
}

/** Compiles build/Release/conclave.node; progress goes to stderr. Throws an Error with a sentence. */
export function buildNative() {
  const missing = missingTools()
  if (missing.length > 0) throw new Error(missing.join('\n'))
  const require = createRequire(import.meta.url)
  let command = [join(root, 'scripts/cmake-js.mjs')]
  if (has('python3', '--version')) {
    try {
      const nodeGyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js')
      // node-gyp wants Node's own headers although our target compiles none: an empty common.gypi stands for them.
      const nodedir = join(root, 'build/no-headers')
      mkdirSync(join(nodedir, 'include/node'), { recursive: true })
      writeFileSync(join(nodedir, 'include/node/common.gypi'), '{}\n')
      command = [
        nodeGyp,
        'configure',
        'build',
        `--nodedir=${nodedir}`,
        '--force-process-config',
        '--loglevel=warn',
      ]
    } catch {
      // node-gyp is a development dependency: an installed package builds without it
    }
  }
  const run = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 2, 2] })
  if (run.status !== 0) throw new Error('The addon did not compile; the messages above say why.')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    buildNative()
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

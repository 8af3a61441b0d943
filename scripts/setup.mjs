// Decides what is stale and makes it: node_modules, the addon, dist/. Run again, it does nothing.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'build/stamps.json')

function files(path) {
  const full = join(root, path)
  if (!existsSync(full)) return []
  const entries = readdirSync(full, { withFileTypes: true, recursive: true })
  return entries.filter(e => e.isFile()).map(e => join(e.parentPath ?? e.path, e.name))
}

/** One hash of the contents of files and folders. */
function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const list =
      existsSync(join(root, path)) && /\.\w+$/.test(path) ? [join(root, path)] : files(path)
    for (const file of list.sort()) hash.update(file.slice(root.length)).update(readFileSync(file))
  }
  return hash.digest('hex')
}

const parts = [
  {
    name: 'packages',
    inputs: ['package-lock.json'],
    output: 'node_modules/.package-lock.json',
    say: 'Installing packages (npm ci)',
    async make() {
      const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
      const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
      const run = spawnSync(npm, args, { cwd: root, stdio: ['ignore', 2, 2] })
      if (run.status !== 0) throw new Error('npm ci failed; the messages above say why.')
    },
  },
  {
    name: 'addon',
    inputs: ['native', 'CMakeLists.txt', 'binding.gyp'],
    output: 'build/Release/conclave.node',
    say: 'Compiling the addon (a minute or two, once)',
    make: async () => (await import('./build-native.mjs')).buildNative(),
  },
  {
    name: 'library',
    inputs: [
      'lib',
      'scripts/build-lib.mjs',
      'package.json',
      'tsconfig.json',
      'tsconfig.types.json',
    ],
    output: 'dist/index.mjs',
    say: 'Bundling the library',
    async make() {
      const build = await import('./build-lib.mjs')
      await build.buildLib()
      build.buildTypes()
    },
  },
]

/** Makes what is stale; says so on stderr. Throws an Error with a sentence. */
export async function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Expected Node 20.19 or newer, but this is ${process.versions.node}.`)
  }
  const stamps = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {}
  for (const part of parts) {
    const hash = hashOf(part.inputs)
    if (stamps[part.name] === hash && existsSync(join(root, part.output))) continue
    console.error(`${part.say} …`)
    const start = Date.now()
    await part.make()
    stamps[part.name] = hash
    mkdirSync(dirname(stampFile), { recursive: true })
    writeFileSync(stampFile, JSON.stringify(stamps))
    console.error(`${part.say}: done in ${((Date.now() - start) / 1000).toFixed(0)} s`)
  }
}

/** For scripts: sets up, or ends the process with the sentence. */
export async function setupOrExit() {
  try {
    await setup()
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setupOrExit()

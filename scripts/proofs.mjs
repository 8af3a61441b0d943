// npm run proofs [-- mixes]: the engine's proofs at full size, of which `npm test` runs a share. Each
// takes a few minutes of one core; a seed that fails is named with the command that replays it.
import { spawnSync } from 'node:child_process'

const proofs = new Map([
  ['commands', ['CONCLAVE_RUNS', '10000', 'scheduler.test.ts']],
  ['simulation', ['CONCLAVE_SEEDS', '20000', 'scheduler-simulation.test.ts']],
  ['mixes', ['CONCLAVE_MIXES', '1000', 'invariance.test.ts']],
  ['soak', ['CONCLAVE_SOAK', '20000', 'soak.test.ts']],
])

const names = process.argv.length > 2 ? process.argv.slice(2) : [...proofs.keys()]
let failed = 0
for (const name of names) {
  const proof = proofs.get(name)
  if (proof === undefined) {
    console.error(`Expected names among ${[...proofs.keys()].join(', ')}, but got ${name}`)
    process.exit(2)
  }
  const [scale, size, file] = proof
  const start = performance.now()
  const { status } = spawnSync('npx', ['vitest', 'run', `test/engine/${file}`], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { [scale]: size, ...process.env },
  })
  if (status !== 0) failed++
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(`${name}: ${status === 0 ? 'fine' : 'failed'} after ${seconds} s`)
}
process.exit(failed > 0 ? 1 : 0)

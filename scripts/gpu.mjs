// npm run gpu: all that a machine with a card can prove and measure, in one command. Builds the kernels for
// the card at hand, runs the op cases on it, the same under compute-sanitizer where that is installed, compares
// greedy text of the default model with the CPU path, times both orders of sums, and writes build/gpu.md.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { proveOnCard } from './gpu-steps.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function run(name, command, args, env) {
  console.log(`== ${name}`)
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  })
  console.log((stdout ?? '').split('\n').slice(-40).join('\n'))
  return { ok: status === 0, stdout: stdout ?? '' }
}

const has = command => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

if (!has('nvidia-smi')) {
  console.error('Expected a machine with an NVIDIA card, but nvidia-smi does not run.')
  process.exit(1)
}
const date = new Date().toISOString().slice(0, 10)
const { report, failures } = proveOnCard({ root, run, has, date })
const path = join(root, 'build/gpu.md')
writeFileSync(path, report)
console.log(`${report}\nwritten to ${path}: what it says belongs into bench/README.md`)
for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(failures.length === 0 ? 'gpu: fine' : `gpu: ${failures.length} steps failed`)
process.exit(failures.length === 0 ? 0 : 1)

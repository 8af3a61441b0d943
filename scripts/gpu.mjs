// npm run gpu: all that a machine with a card can prove and measure, in one command. Builds the kernels for
// the card at hand, runs the op cases on it, the same under compute-sanitizer where that is installed, compares
// greedy tokens of the default model with the CPU path, then times both.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'build/cuda')
const jobs = String(availableParallelism())
const failures = []

function step(name, command, args, env = {}) {
  console.log(`== ${name}`)
  const run = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  })
  const text = run.stdout ?? ''
  console.log(text.split('\n').slice(-40).join('\n'))
  if (run.error || run.status !== 0) failures.push(name)
  return text
}

const has = command => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

if (!has('nvidia-smi')) {
  console.error('Expected a machine with an NVIDIA card, but nvidia-smi does not run.')
  process.exit(1)
}
const smi = ['--query-gpu=name,compute_cap,driver_version', '--format=csv,noheader']
const card = step('the card', 'nvidia-smi', smi)
const arch = (/(\d+)\.(\d+)/.exec(card.split(',')[1] ?? '') ?? ['', '9', '0']).slice(1).join('')
const archs = arch === '90' ? '90a-real' : `${arch}-real`

const configure = ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONCLAVE_TESTS=ON']
step('configure', 'cmake', [...configure, '-DCONCLAVE_CUDA=ON', `-DCONCLAVE_CUDA_ARCHS=${archs}`])
step('build the cases', 'cmake', ['--build', folder, '--parallel', jobs, '--target', 'cuda_tests'])
const cases = join(folder, 'test/native/cuda_tests')
const blocking = { CUDA_LAUNCH_BLOCKING: '1' }
step('op cases against float64', cases, [], blocking)
if (has('compute-sanitizer')) {
  for (const tool of ['memcheck', 'racecheck', 'synccheck'])
    step(tool, 'compute-sanitizer', ['--tool', tool, '--error-exitcode', '1', cases], blocking)
} else {
  console.log('skipped: compute-sanitizer is not installed')
}
step('build the addon', 'npm', ['run', 'build:cuda', '--', `--CDCONCLAVE_CUDA_ARCHS=${archs}`])

const generate = (device, weights) =>
  step(`default model, ${weights}, ${device}`, process.execPath, [
    'dist/cli.mjs',
    ...['generate', '--device', device, '--weights', weights],
    ...['--temperature', '0', '--max-tokens', '64', 'Once upon a time'],
  ])
for (const weights of ['bf16', 'int8']) {
  if (generate('cpu', weights) !== generate('cuda', weights)) failures.push(`parity in ${weights}`)
}
for (const batch of ['1', '8', '64'])
  step(`bench, batch ${batch}`, process.execPath, [
    'dist/cli.mjs',
    ...['bench', '--device', 'cuda', '--batch', batch],
  ])

for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(failures.length === 0 ? 'gpu: fine' : `gpu: ${failures.length} steps failed`)
process.exit(failures.length === 0 ? 0 : 1)

// What `npm run gpu` does, in order, and what it reads of the answers. No card is needed to import it: the
// steps run through the function they are given, so a test goes through all of them with recorded answers.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { benchRow, parseCard, parseTotals, report } from './gpu-report.mjs'

/** Tokens of a decode that are compared, and sequences of the benchmark. */
const numTokens = 64
const batches = [1, 8, 64]
const weights = ['bf16', 'int8']
const sanitizers = ['memcheck', 'racecheck', 'synccheck']

const cli = (...args) => [process.execPath, ['dist/cli.mjs', ...args]]

export const generateStep = (device, format) =>
  cli(
    ...[
      'generate',
      '--prompt',
      'Once upon a time',
      '--device',
      device,
      '--weights',
      format,
      '--temperature',
      '0',
    ],
    ...['--max-tokens', String(numTokens)],
  )

export const benchStep = (format, batch, deterministic) =>
  cli(
    ...['bench', '--device', 'cuda', '--weights', format, '--batch', String(batch), '--json'],
    ...(deterministic ? [] : ['--fastest']),
  )

/**
 * run(name, command, args, env) → { ok, stdout }; has(command) → whether it is installed. Gives the report
 * and the names of the steps that failed.
 */
export function proveOnCard({ root, run, has, date }) {
  const failures = []
  const lines = []
  const step = (name, [command, args], env = {}) => {
    const { ok, stdout } = run(name, command, args, env)
    if (!ok) failures.push(name)
    return { ok, stdout }
  }
  const smi = ['--query-gpu=name,compute_cap,driver_version', '--format=csv,noheader']
  const card = parseCard(step('the card', ['nvidia-smi', smi]).stdout)
  const folder = join(root, 'build/cuda')
  const archs = `-DCONCLAVE_CUDA_ARCHS=${card.arch}-real`
  const jobs = String(availableParallelism())
  const configure = ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONCLAVE_TESTS=ON']
  step('configure', ['cmake', [...configure, '-DCONCLAVE_CUDA=ON', archs]])
  const target = ['--build', folder, '--parallel', jobs, '--target', 'cuda_tests']
  step('build the cases', ['cmake', target])
  const cases = [join(folder, 'test/native/cuda_tests'), []]
  const blocking = { CUDA_LAUNCH_BLOCKING: '1' }
  const count = (name, { stdout }) => {
    const totals = parseTotals(stdout)
    lines.push(
      totals === undefined
        ? `${name}: no closing line`
        : `${name}: ${totals.passed} passed, ${totals.failed} failed`,
    )
    if (totals === undefined || totals.failed > 0) failures.push(`${name}, its cases`)
  }
  count('op cases against float64', step('op cases against float64', cases, blocking))
  if (has('compute-sanitizer')) {
    for (const tool of sanitizers) {
      const args = ['--tool', tool, '--error-exitcode', '1', cases[0]]
      const { ok } = step(tool, ['compute-sanitizer', args], blocking)
      lines.push(`compute-sanitizer ${tool}: ${ok ? 'clean' : 'errors'}`)
    }
  } else {
    lines.push('compute-sanitizer: not installed, not run')
  }
  step('build the addon', ['npm', ['run', 'build:cuda', '--', `--CD${archs.slice(2)}`]])
  for (const format of weights) {
    const [cpu, cuda] = ['cpu', 'cuda'].map(device =>
      step(`default model, ${format}, ${device}`, generateStep(device, format)),
    )
    const same = cpu.ok && cuda.ok && cpu.stdout === cuda.stdout
    lines.push(`default model in ${format}: ${same ? 'the text of the CPU' : 'another text'}`)
    if (!same) failures.push(`parity in ${format}`)
  }
  const rows = []
  for (const format of weights) {
    for (const deterministic of [true, false]) {
      for (const batch of batches) {
        const name = `bench, ${format}, batch ${batch}${deterministic ? '' : ', fastest'}`
        const { ok, stdout } = step(name, benchStep(format, batch, deterministic))
        if (ok) rows.push(benchRow({ weights: format, deterministic, report: JSON.parse(stdout) }))
      }
    }
  }
  return { report: report(card, date, lines, rows), failures }
}

import { describe, expect, it } from 'vitest'
import { bench } from '../../lib/cli/bench.ts'
import { parseFlags } from '../../lib/cli/command.ts'
import { generate } from '../../lib/cli/generate.ts'
import { loadOptions } from '../../lib/cli/model-flags.ts'
import { checkLoadOptions } from '../../lib/engine/load-options.ts'
import { benchRow, parseCard, parseTotals } from '../../scripts/gpu-report.mjs'
import { proveOnCard } from '../../scripts/gpu-steps.mjs'

const bench8 = {
  machine: { cpu: 'x', threads: 16, readBytesPerSecond: 1, int8OpsPerSecond: 1 },
  load: { ms: 1234, peakRssBytes: 1 },
  prefill: { tokensPerSecond: 10_000.4, fractionOfRoof: null },
  decode: { batch: 8, tokensPerSecond: 2000, bytesPerToken: 5e6, fractionOfRoof: null },
}

interface Ran {
  name: string
  command: string
  args: string[]
  env: Record<string, string>
}

/** What a card's machine would answer; `change` may answer otherwise. */
function recorded(change: (step: Ran) => string | undefined = () => undefined) {
  const ran: Ran[] = []
  const run = (name: string, command: string, args: string[], env: Record<string, string>) => {
    ran.push({ name, command, args, env })
    const changed = change({ name, command, args, env })
    if (changed !== undefined) return { ok: !changed.startsWith('!'), stdout: changed }
    if (command === 'nvidia-smi') return { ok: true, stdout: 'NVIDIA H200, 9.0, 580.65.06\n' }
    if (command.endsWith('cuda_tests'))
      return { ok: true, stdout: 'NVIDIA H200\n100 passed, 0 failed, 0 skipped\n' }
    if (args.includes('bench')) return { ok: true, stdout: JSON.stringify(bench8) }
    return { ok: true, stdout: 'Once upon a time there was a card.\n' }
  }
  return { ran, run }
}

const parts = { root: '/conclave', has: () => true, date: '2026-11-30' }

describe('npm run gpu, with recorded answers', () => {
  it('goes through all steps and writes the table', () => {
    const { ran, run } = recorded()
    const { report, failures } = proveOnCard({ ...parts, run })
    expect(failures).toEqual([])
    expect(report).toMatchInlineSnapshot(`
      "## NVIDIA H200, compute capability 9.0, driver 580.65.06 (2026-11-30, \`npm run gpu\`)

      - op cases against float64: 100 passed, 0 failed
      - compute-sanitizer memcheck: clean
      - compute-sanitizer racecheck: clean
      - compute-sanitizer synccheck: clean
      - default model in bf16: the text of the CPU
      - default model in int8: the text of the CPU

      | weights | deterministic | batch | load s | prefill tokens/s | decode tokens/s | decode GB/s |
      | --- | --- | --- | --- | --- | --- | --- |
      | bf16 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | bf16 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | bf16 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | bf16 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | bf16 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | bf16 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | yes | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      | int8 | no | 8 | 1.23 | 10000 | 2000.0 | 10.0 |
      "
    `)
    expect(ran.map(step => step.name)).toMatchInlineSnapshot(`
      [
        "the card",
        "configure",
        "build the cases",
        "op cases against float64",
        "memcheck",
        "racecheck",
        "synccheck",
        "build the addon",
        "default model, bf16, cpu",
        "default model, bf16, cuda",
        "default model, int8, cpu",
        "default model, int8, cuda",
        "bench, bf16, batch 1",
        "bench, bf16, batch 8",
        "bench, bf16, batch 64",
        "bench, bf16, batch 1, fastest",
        "bench, bf16, batch 8, fastest",
        "bench, bf16, batch 64, fastest",
        "bench, int8, batch 1",
        "bench, int8, batch 8",
        "bench, int8, batch 64",
        "bench, int8, batch 1, fastest",
        "bench, int8, batch 8, fastest",
        "bench, int8, batch 64, fastest",
      ]
    `)
    const cases = ran.filter(({ command }) => command.endsWith('cuda_tests'))
    expect(cases.map(({ env }) => env)).toEqual([{ CUDA_LAUNCH_BLOCKING: '1' }])
    expect(ran.find(step => step.name === 'configure')!.args.at(-1)).toBe(
      '-DCONCLAVE_CUDA_ARCHS=90a-real',
    )
    expect(ran.find(step => step.name === 'build the addon')!.args).toEqual([
      'run',
      'build:cuda',
      '--',
      '--CDCONCLAVE_CUDA_ARCHS=90a-real',
    ])
  })

  it('asks the command line for what it has', () => {
    const { ran, run } = recorded()
    proveOnCard({ ...parts, run })
    const asked = ran
      .filter(({ args }) => args[0] === 'dist/cli.mjs')
      .map(({ args }) => args.slice(1))
    expect(asked.length).toBe(4 + 12)
    for (const [name, ...args] of asked) {
      const { values } = parseFlags(name === 'bench' ? bench : generate, args)
      const options = loadOptions({ ...values, device: 'cpu' })
      expect(checkLoadOptions(options).deterministic).toBe(!args.includes('--fastest'))
    }
  })

  it('says what failed', () => {
    const failing = (change: (step: Ran) => string | undefined) =>
      proveOnCard({ ...parts, run: recorded(change).run })
    const wrong = failing(({ command }) =>
      command.endsWith('cuda_tests') ? '!3 passed, 2 failed, 0 skipped' : undefined,
    )
    expect(wrong.failures).toEqual([
      'op cases against float64',
      'op cases against float64, its cases',
    ])
    expect(wrong.report).toContain('3 passed, 2 failed')
    const other = failing(({ name }) =>
      name === 'default model, int8, cuda' ? 'other' : undefined,
    )
    expect(other.failures).toEqual(['parity in int8'])
    const crashed = failing(({ name }) =>
      name.startsWith('bench, bf16, batch 8') ? '!' : undefined,
    )
    expect(crashed.failures).toEqual(['bench, bf16, batch 8', 'bench, bf16, batch 8, fastest'])
    const without = proveOnCard({ ...parts, run: recorded().run, has: () => false })
    expect(without.report).toContain('compute-sanitizer: not installed, not run')
  })

  it('reads what programs print', () => {
    expect(parseCard('NVIDIA A10G, 8.6, 550.90.07\n')).toEqual({
      name: 'NVIDIA A10G',
      capability: '8.6',
      driver: '550.90.07',
      arch: '86',
    })
    expect(() => parseCard('No devices were found')).toThrow(/Expected/)
    expect(parseTotals('x\n7 passed, 1 failed, 0 skipped\n')).toEqual({ passed: 7, failed: 1 })
    expect(parseTotals('killed')).toBeUndefined()
    const row = benchRow({ weights: 'int8', deterministic: true, report: bench8 })
    expect(row).toEqual(['int8', 'yes', '8', '1.23', '10000', '2000.0', '10.0'])
  })
})

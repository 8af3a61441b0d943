import { describe, expect, it } from 'vitest'
import { needs } from '../engine/needs.ts'
import { built, runCli, tinyModel } from './run-cli.ts'

const ids = ['generate', '--model', tinyModel, '--prompt-ids', '3,1,4,1,5']

describe('the command', () => {
  needs(...built)

  it('generate --json prints one object and nothing else on standard output', async () => {
    const args = [...ids, '--max-tokens', '6', '--temperature', '0', '--ignore-eos', '--json']
    const { code, stdout } = await runCli(args)
    const answer = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(answer).toMatchObject({
      text: '',
      finishReason: 'length',
      usage: { promptTokens: 5, completionTokens: 6, cachedTokens: 0 },
    })
    expect(answer.tokenIds).toHaveLength(6)
    expect(Object.keys(answer.timings)).toEqual(
      expect.arrayContaining(['loadMs', 'prefillMs', 'decodeMs', 'tokensPerSecond']),
    )
    const plain = await runCli(args.filter(arg => arg !== '--json'))
    expect(plain.stdout).toBe(`${answer.tokenIds.join(',')}\n`)
    expect(plain.stderr).toMatch(/5 prompt tokens .*, 6 new/)
  })

  it('the same seed gives the same tokens', async () => {
    const run = async (seed: string) => {
      const args = [...ids, '--max-tokens', '12', '--temperature', '1.5', '--seed', seed, '--json']
      return JSON.parse((await runCli(args)).stdout).tokenIds
    }
    const big = String(2n ** 64n - 1n)
    expect(await run(big)).toEqual(await run(big))
    expect(await run('1')).not.toEqual(await run('2'))
  })

  it('inspect plans without loading, and prints the graph', async () => {
    const { code, stdout } = await runCli(['inspect', '--model', tinyModel, '--json'])
    const { plan, sizes, ...facts } = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(facts).toMatchObject({ architecture: 'qwen3_moe', files: 1 })
    expect(facts.parametersActive).toBeLessThan(facts.parametersTotal)
    expect(plan.totalBytes).toBe(plan.weightBytes + plan.kvBytes + plan.workspaceBytes)
    expect(sizes.f32).toBeGreaterThan(sizes.bf16)
    expect(sizes.bf16).toBeGreaterThan(sizes.int8)
    const page = await runCli(['inspect', '--model', tinyModel])
    const smaller = (than: number) => ((1 - sizes.int8 / than) * 100).toFixed(1)
    const ratios = `${smaller(sizes.f32)} % smaller than f32, ${smaller(sizes.bf16)} % than bf16`
    expect(page.stdout).toContain(ratios)
    const text = await runCli(['inspect', '--model', tinyModel, '--graph'])
    expect(text.stdout).toMatch(/moe_route/)
    const dot = await runCli(['inspect', '--graph=dot', '--model', tinyModel])
    expect(dot.stdout).toMatch(/^digraph model \{[\s\S]*\}\n$/)
  })

  it('bench prints the promised keys', async () => {
    const sizes = ['--prompt-tokens', '16', '--output-tokens', '4', '--batch', '2', '--repeat', '1']
    const { code, stdout } = await runCli(['bench', '--model', tinyModel, ...sizes, '--json'])
    const { machine, load, prefill, decode } = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(Object.keys(machine)).toEqual([
      'cpu',
      'threads',
      'readBytesPerSecond',
      'int8OpsPerSecond',
      'bf16FlopsPerSecond',
    ])
    expect(Object.keys(load)).toEqual(['ms', 'peakRssBytes'])
    expect(Object.keys(prefill)).toEqual(['tokensPerSecond', 'fractionOfRoof'])
    expect(Object.keys(decode)).toEqual([
      'batch',
      'tokensPerSecond',
      'bytesPerToken',
      'fractionOfRoof',
    ])
    expect(decode.batch).toBe(2)
    for (const n of [prefill.tokensPerSecond, decode.tokensPerSecond, decode.bytesPerToken])
      expect(n).toBeGreaterThan(0)
  })
})

describe('exit codes', () => {
  needs(...built)

  it.each([
    [['--help'], 0],
    [['generate', '--help'], 0],
    [['--version'], 0],
    [[], 2],
    [['sing'], 2],
    [['generate'], 2],
    [['generate', '--prompt', 'a', '--prompt-ids', '1'], 2],
    [['generate', '--prompt-ids', '1,x'], 2],
    [['generate', '--prompt', 'a', '--max-tokens', 'many'], 2],
    [['generate', '--prompt', 'a', '--seed', '1.5'], 2],
    [['generate', '--prompt', 'a', '--nonsense'], 2],
    [['generate', 'word'], 2],
    [['chat', '--json'], 2],
    [['inspect', '--graph=svg'], 2],
    [['bench', '--repeat', '0'], 2],
    [[...ids, '--temperature', '9'], 1],
    [[...ids, '--weights', 'int3'], 1],
    [[...ids, '--device', 'cuda'], 1],
    [[...ids, '--max-context', '3'], 1],
    [['generate', '--model', tinyModel, '--prompt', 'text'], 1],
    [['chat', '--model', tinyModel, '--message', 'text'], 1],
    [['generate', '--model', '/nowhere/at/all', '--prompt', 'a'], 1],
  ])('%j: %i', async (args, expected) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(code).toBe(expected)
    if (expected !== 0) expect(stdout).toBe('')
    if (expected === 1) expect(stderr).toMatch(/^error\[[a-z_]+\]: .*\.\n$/)
    if (expected === 2) expect(stderr).toMatch(/See conclave.* --help\.\n$/)
  })

  it('an error is also an object with --json', async () => {
    const { code, stdout, stderr } = await runCli([...ids, '--top-p', '7', '--json'])
    const { error } = JSON.parse(stdout)
    expect(code).toBe(1)
    expect(error.code).toBe('invalid_request')
    expect(stderr).toBe(`error[invalid_request]: ${error.message}\n`)
  })

  it('130 after Ctrl-C, with the text so far', async () => {
    const { code, stdout } = await runCli([...ids, '--ignore-eos'], {
      onStdout: (text, child) => text.length > 20 && child.kill('SIGINT'),
    })
    expect(code).toBe(130)
    expect(stdout).toMatch(/^\d+(,\d+)+\n$/)
  })
})

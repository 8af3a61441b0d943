import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../engine/needs.ts'
import { makeFolder } from '../files/folder.ts'
import { built, runCli, tinyModel } from './run-cli.ts'

/** The tiny model with a tokenizer of bytes. */
function modelOfBytes(): string {
  const bytes = new URL('../engine/byte-tokenizer.json', import.meta.url)
  return makeFolder({
    'config.json': readFileSync(join(tinyModel, 'config.json'), 'utf8'),
    'model.safetensors': readFileSync(join(tinyModel, 'model.safetensors')),
    'tokenizer.json': readFileSync(bytes, 'utf8'),
  })
}

describe('quantize and eval', () => {
  needs(...built)

  it('write int8 and measure what it costs', async () => {
    const source = modelOfBytes()
    const out = join(makeFolder(), 'out')
    const written = await runCli(['quantize', source, out, '--weights', 'int8', '--json'])
    expect(written.code).toBe(0)
    const { bytesIn, bytesOut, tensors, ...rest } = JSON.parse(written.stdout)
    expect(rest).toEqual({})
    // A byte and a 32nd of an f32 scale for each of four, and the norms as they are.
    expect(bytesOut).toBeLessThan(bytesIn * 0.31)
    const inspected = await runCli(['inspect', '--model', out, '--json'])
    expect(JSON.parse(inspected.stdout)).toMatchObject({ tensors, weights: 'int8' })

    const text = join(makeFolder({ 'a.txt': 'The quick brown fox. '.repeat(10) }), 'a.txt')
    const flags = ['--text', text, '--context', '64', '--json']
    const plain = JSON.parse((await runCli(['eval', '--model', source, ...flags])).stdout)
    expect(Object.keys(plain)).toEqual(['perplexity', 'tokens'])
    expect(plain.tokens).toBe(210 - 4)
    const weights = ['--weights', 'int8', '--reference-weights', 'f32']
    const { stdout } = await runCli(['eval', '--model', source, ...flags, ...weights])
    const compared = JSON.parse(stdout)
    expect(Object.keys(compared)).toEqual([
      'perplexity',
      'tokens',
      'referencePerplexity',
      'klMean',
      'top1Agreement',
      'maxLogitError',
    ])
    expect(compared.referencePerplexity).toBe(plain.perplexity)
    // The checkpoint is the same model as the rounding at load.
    const again = await runCli(['eval', '--model', out, ...flags])
    expect(JSON.parse(again.stdout).perplexity).toBe(compared.perplexity)
    const table = await runCli(['eval', '--model', out, ...flags.slice(0, -1)])
    expect(table.stdout).toMatch(/^weights +int8, KV cache bf16\ntokens +206\nperplexity +\d/)
  })

  it('write GGUF', async () => {
    const file = join(makeFolder(), 'out.gguf')
    const flags = ['--format', 'gguf', '--json']
    const { stdout } = await runCli(['quantize', modelOfBytes(), file, ...flags])
    expect(JSON.parse(stdout).bytesOut).toBe(statSync(file).size)
    const inspected = await runCli(['inspect', '--model', file, '--json'])
    expect(JSON.parse(inspected.stdout).stored.q8_0).toBeGreaterThan(0)
  })

  it('draw how an evaluation went', async () => {
    const folder = makeFolder({ 'a.txt': 'The quick brown fox. '.repeat(10) })
    const svg = join(folder, 'a.svg')
    const flags = ['--text', join(folder, 'a.txt'), '--context', '64', '--weights', 'int8']
    const compared = [...flags, '--reference-weights', 'f32', '--svg', svg]
    expect((await runCli(['eval', '--model', modelOfBytes(), ...compared])).code).toBe(0)
    const drawn = readFileSync(svg, 'utf8')
    expect(drawn).toMatch(/^<svg [^>]*>[\s\S]*4 windows[\s\S]*<\/svg>\n$/)
    expect(drawn.match(/<polyline/g)).toHaveLength(4)
    for (const words of ['Mean KL', 'Same best token', 'reference', 'int8 weights'])
      expect(drawn).toContain(words)
    expect(drawn).not.toContain('NaN')
  })

  it.each([
    [['quantize', tinyModel], 2],
    [['quantize', tinyModel, '/tmp/x.gguf', '--format', 'gguf', '--group', '32'], 2],
    [['quantize', tinyModel, '/tmp/x', '--format', 'gguf'], 2],
    [['quantize', tinyModel, '/tmp/x', '--format', 'onnx'], 2],
    [['quantize', tinyModel, '/tmp/x', 'y'], 2],
    [['quantize', tinyModel, '/tmp/x', '--weights', 'int4'], 2],
    [['quantize', tinyModel, '/tmp/x', '--group', '-1'], 2],
    [['quantize', '/nowhere/at/all', '/tmp/never-made'], 1],
    [['quantize', tinyModel, tinyModel], 1],
    [['eval'], 2],
    [['eval', '--text', import.meta.filename, '--context', '1'], 2],
    [['eval', '--model', tinyModel, '--text', import.meta.filename], 1],
    [['eval', '--model', tinyModel, '--text', '/nowhere/at/all'], 1],
    [['eval', '--model', tinyModel, '--text', join(tinyModel, 'model.safetensors')], 1],
  ])('%j: %i', async (args, expected) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(code).toBe(expected)
    expect(stdout).toBe('')
    if (expected === 1) expect(stderr).toMatch(/^error\[[a-z_]+\]: .*\.\n$/)
    expect(existsSync('/tmp/never-made')).toBe(false)
  })
})

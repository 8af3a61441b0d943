import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/index.ts'
import { quantizeModel } from '../../lib/quantize/quantize.ts'
import { makeFolder, thrown } from '../files/folder.ts'
import { checkpointToGguf } from '../models/checkpoint-to-gguf.ts'
import { goldenFolder } from '../models/golden.ts'
import { floatsOf, isLinear, readTensors, safetensors } from '../models/quantized-checkpoint.ts'

const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 300)
const golden = (name: string) => join(goldenFolder, name)
const newPath = () => join(makeFolder(), 'out')

async function answer(folder: string, weights: 'auto' | 'int8' | 'f32') {
  const model = await loadModel(folder, { weights, threads: 1 })
  try {
    return { logits: await model.logits(ids), info: model.info }
  } finally {
    await model.dispose()
  }
}

describe('the checkpoint answers as the source does with int8 weights, bit for bit', () => {
  it.each([
    'moe-f32',
    'moe-fused',
    'moe-transposed',
    'moe-norm-false-tied-sharded',
    'dense-bias-tied-copy',
    'llama-biases-mha',
  ])('%s', async name => {
    const out = newPath()
    await quantizeModel(golden(name), out)
    const [a, b] = [await answer(out, 'auto'), await answer(golden(name), 'int8')]
    expect(a.logits).toEqual(b.logits)
    const { weights, weightBytes, kvCache, parametersTotal } = b.info
    expect(a.info).toMatchObject({ weights, weightBytes, kvCache, parametersTotal })
  })

  it('from GGUF, whose rows and experts lie elsewhere', async () => {
    for (const name of ['moe-f32', 'llama-biases-mha']) {
      const bytes = await checkpointToGguf(golden(name))
      const gguf = join(makeFolder({ 'model.gguf': bytes }), 'model.gguf')
      const out = newPath()
      await quantizeModel(gguf, out)
      expect((await answer(out, 'auto')).logits).toEqual((await answer(gguf, 'int8')).logits)
    }
  })
})

describe('the files', () => {
  it('hold int8 and its scales, one entry an expert; routers and norms as they were', async () => {
    // 24 columns of an expert are no whole groups: one scale a row, everywhere.
    const out = newPath()
    const { tensors, bytesOut } = await quantizeModel(golden('moe-fused'), out)
    const written = readTensors(out)
    expect(written.size).toBe(tensors)
    expect(readFileSync(join(out, 'model.safetensors')).length).toBe(bytesOut)
    const source = readTensors(golden('moe-fused'))
    const expert = written.get('model.layers.0.mlp.experts.3.up_proj.weight')!
    const scale = written.get('model.layers.0.mlp.experts.3.up_proj.weight_scale')!
    expect(expert.dtype).toBe('I8')
    expect(scale).toMatchObject({ dtype: 'F32', shape: [expert.shape[0], 1] })
    for (const name of ['model.norm.weight', 'model.layers.0.mlp.gate.weight'])
      expect(written.get(name)).toEqual(source.get(name))
  })

  it.each([undefined, 0, 16])('are off by half a scale at most, groups of %s', async group => {
    const out = newPath()
    await quantizeModel(golden('dense-f32'), out, { ...(group !== undefined && { group }) })
    const written = readTensors(out)
    for (const [name, tensor] of readTensors(golden('dense-f32'))) {
      if (!isLinear(name)) continue
      const scales = floatsOf(written.get(`${name}_scale`)!)
      const run = group === 0 ? tensor.shape[1]! : (group ?? 32)
      expect(scales.length).toBe(floatsOf(tensor).length / run)
      const q = new Int8Array(written.get(name)!.data.slice().buffer)
      floatsOf(tensor).forEach((x, i) => {
        const s = scales[Math.floor(i / run)]!
        // The least squares may leave the largest value of a group outside.
        const bound = Math.abs(q[i]!) === 127 ? 1.2 : 0.5001
        if (!(Math.abs(q[i]! * s - x) <= s * bound)) expect.fail(`${name} ${i}`)
      })
    }
    const { config_groups: groups } = JSON.parse(
      readFileSync(join(out, 'config.json'), 'utf8'),
    ).quantization_config
    const strategy = group === 0 ? 'channel' : 'group'
    expect(groups.group_0.weights).toMatchObject({
      strategy,
      group_size: group === 0 ? null : (group ?? 32),
    })
    // Where scales change within 32 columns, the matrices are widened while loading.
    expect((await answer(out, 'auto')).info.weights).toBe(group === 16 ? 'bf16' : 'int8')
  })

  it('are several with an index where they would be large', async () => {
    const out = newPath()
    await quantizeModel(golden('moe-f32'), out, { maxShardBytes: 30_000 })
    const files = readdirSync(out).filter(name => name.endsWith('.safetensors'))
    expect(files.length).toBeGreaterThan(2)
    expect(files[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/)
    expect((await answer(out, 'auto')).logits).toEqual(
      (await answer(golden('moe-f32'), 'int8')).logits,
    )
  })

  it('come with the tokenizer and all other small files', async () => {
    const source = makeFolder({
      'config.json': JSON.parse(readFileSync(join(golden('dense-f32'), 'config.json'), 'utf8')),
      'model.safetensors': readFileSync(join(golden('dense-f32'), 'model.safetensors')),
      'tokenizer.json': '{"a":1}',
      'chat_template.jinja': '{{ x }}',
      'generation_config.json': '{}',
      LICENSE: 'as is',
      'pytorch_model.bin': 'never',
      'notes.md/inner': 'a folder',
    })
    const out = newPath()
    await quantizeModel(source, out)
    const names = ['LICENSE', 'chat_template.jinja', 'generation_config.json', 'tokenizer.json']
    for (const name of names)
      expect(readFileSync(join(out, name), 'utf8')).toBe(readFileSync(join(source, name), 'utf8'))
    expect(readdirSync(out).sort()).toEqual(
      ['config.json', 'model.safetensors', ...names].sort((a, b) => (a < b ? -1 : 1)),
    )
  })
})

it('rows of zeros, and of numbers too small for a scale, keep a scale above zero', async () => {
  const tensors = readTensors(golden('dense-f32'))
  const name = [...tensors.keys()].find(isLinear)!
  const { data, shape } = tensors.get(name)!
  const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  values.fill(0, 0, shape[1])
  values.fill(1e-45, shape[1]!, 2 * shape[1]!)
  const config = JSON.parse(readFileSync(join(golden('dense-f32'), 'config.json'), 'utf8'))
  const source = makeFolder({ 'config.json': config, 'model.safetensors': safetensors(tensors) })
  const out = newPath()
  await quantizeModel(source, out)
  expect((await answer(out, 'auto')).logits).toEqual((await answer(source, 'int8')).logits)
})

describe('refuses', () => {
  it('what is already there, even an empty folder or a dead link', async () => {
    const file = join(makeFolder({ out: 'mine' }), 'out')
    const empty = newPath()
    mkdirSync(empty)
    for (const path of [file, empty]) {
      const error = await thrown(() => quantizeModel(golden('dense-f32'), path))
      expect(error).toMatchObject({ code: 'invalid_request' })
      expect(error.message).toContain(path)
    }
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(readdirSync(empty)).toEqual([])
  })

  it('a group that does not divide the columns, and a weight that is NaN', async () => {
    const out = newPath()
    const group = await thrown(() => quantizeModel(golden('dense-f32'), out, { group: 7 }))
    expect(group).toMatchObject({ code: 'invalid_request' })
    const tensors = readTensors(golden('dense-f32'))
    const { data } = [...tensors].find(([name]) => isLinear(name))![1]
    new DataView(data.buffer).setFloat32(40, Number.NaN, true)
    const config = JSON.parse(readFileSync(join(golden('dense-f32'), 'config.json'), 'utf8'))
    const source = makeFolder({ 'config.json': config, 'model.safetensors': safetensors(tensors) })
    const nan = await thrown(() => quantizeModel(source, out))
    expect(nan).toMatchObject({ code: 'numerical_error' })
    expect(existsSync(out)).toBe(false)
    expect(readdirSync(join(out, '..'))).toEqual([])
  })

  it('to go on once its signal is aborted', async () => {
    const out = newPath()
    const controller = new AbortController()
    const error = await thrown(() =>
      quantizeModel(golden('moe-f32'), out, {
        signal: controller.signal,
        onProgress: ({ doneBytes }) => doneBytes > 20_000 && controller.abort(),
      }),
    )
    expect(error.code).toBe('aborted')
    expect(readdirSync(join(out, '..'))).toEqual([])
  })

  it('files that link out of the source', async () => {
    const source = makeFolder({
      'config.json': JSON.parse(readFileSync(join(golden('dense-f32'), 'config.json'), 'utf8')),
      'model.safetensors': readFileSync(join(golden('dense-f32'), 'model.safetensors')),
    })
    symlinkSync(join(makeFolder({ secret: 'x' }), 'secret'), join(source, 'notes.txt'))
    const out = newPath()
    const error = await thrown(() => quantizeModel(source, out))
    expect(error.code).toBe('path_forbidden')
    expect(existsSync(out)).toBe(false)
  })
})

it('takes paths with spaces and of 255 characters, and makes the folders above', async () => {
  const out = join(makeFolder(), 'a b', 'ü'.repeat(100), 'x'.repeat(255))
  await quantizeModel(golden('dense-f32'), out)
  expect(existsSync(join(out, 'model.safetensors'))).toBe(true)
  writeFileSync(join(out, '..', '.keep'), '')
  expect(readdirSync(join(out, '..')).length).toBe(2)
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/index.ts'
import { native } from '../../lib/native.ts'
import { makeFolder, thrown } from '../files/folder.ts'
import { goldenFolder } from './golden.ts'
import {
  e4m3,
  f32Stored,
  quantised,
  type Scheme,
  type StoredTensor,
  safetensors,
  type Tensors,
} from './quantized-checkpoint.ts'

const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 300)
const golden = (name: string) => join(goldenFolder, name)

async function answer(folder: string, weights: 'auto' | 'f32' | 'bf16' | 'int8') {
  const model = await loadModel(folder, { weights, kvCache: 'f32', threads: 1 })
  try {
    return { logits: await model.logits(ids), info: model.info }
  } finally {
    await model.dispose()
  }
}

const byRow: Scheme = { kind: 'I8', blockRows: 1, blockCols: 0 }
const byGroup: Scheme = { kind: 'I8', blockRows: 1, blockCols: 8 }
const published: Scheme = { kind: 'F8_E4M3', blockRows: 128, blockCols: 128 }
const fp8: Scheme = { kind: 'F8_E4M3', blockRows: 24, blockCols: 20 }

describe.each(['moe-f32', 'dense-f32', 'moe-all-experts'])('%s', name => {
  it.each([
    ['int8 by row', byRow],
    ['int8 by group', byGroup],
    ['FP8 by block', fp8],
    ['FP8 by blocks of 128', published],
  ])('%s: the same bits as its values widened', async (_, scheme) => {
    const { folder, widened } = quantised(golden(name), scheme)
    for (const weights of ['f32', 'bf16'] as const) {
      const expected = (await answer(widened, weights)).logits
      expect((await answer(folder, weights)).logits, weights).toEqual(expected)
    }
  })
})

it('int8 by row is used as it lies', async () => {
  const { folder, widened } = quantised(golden('moe-f32'), byRow)
  const [auto, int8] = [await answer(folder, 'auto'), await answer(widened, 'f32')]
  expect(auto.info.weights).toBe('int8')
  expect(auto.info.weightBytes).toBeLessThan(int8.info.weightBytes * 0.55)
  expect(auto.info.parametersTotal).toBe(int8.info.parametersTotal)
  const largest = Math.max(...int8.logits.map(Math.abs))
  auto.logits.forEach((x, i) => {
    expect(Math.abs(x - int8.logits[i]!) / largest).toBeLessThan(0.05)
  })
})

it.each([
  ['int8 by group', byGroup],
  ['FP8 by block', fp8],
  ['FP8 by blocks of 128', published],
])('%s is widened to bf16, or given new scales', async (_, scheme) => {
  const { folder, widened } = quantised(golden('dense-f32'), scheme)
  expect((await answer(folder, 'auto')).info.weights).toBe('bf16')
  expect((await answer(folder, 'int8')).logits).toEqual((await answer(widened, 'int8')).logits)
})

const scaleName = 'model.layers.0.self_attn.q_proj.weight_scale'

async function refusal(scheme: Scheme, change: (tensors: Tensors) => void) {
  const { folder } = quantised(golden('dense-f32'), scheme, change)
  return thrown(() => answer(folder, 'auto'))
}

it('W8A8 by row reads like W8A16: activations stay wider than the file asks', async () => {
  const { folder } = quantised(golden('moe-f32'), byRow)
  const before = await answer(folder, 'auto')
  const path = join(folder, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  const [scheme] = Object.values<Record<string, unknown>>(config.quantization_config.config_groups)
  const dynamic = { num_bits: 8, type: 'int', symmetric: true, strategy: 'token', dynamic: true }
  scheme!.input_activations = dynamic
  writeFileSync(path, JSON.stringify(config))
  const { logits, info } = await answer(folder, 'auto')
  expect(info.weights).toBe('int8')
  expect(logits).toEqual(before.logits)
})

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the scale %d', async scale => {
  const error = await refusal(byRow, tensors => {
    const stored = tensors.get(scaleName)!
    new DataView(stored.data.buffer).setFloat32(4 * 3, scale, true)
  })
  expect(error.code).toBe('invalid_file')
  expect(error.message).toContain(scaleName)
})

it('refuses scales that are absent, of another shape or of another type', async () => {
  const absent = await refusal(byRow, tensors => tensors.delete(scaleName))
  expect(absent).toMatchObject({
    code: 'invalid_file',
    message: expect.stringContaining(scaleName),
  })
  const shape = await refusal(byRow, tensors => {
    tensors.set(scaleName, f32Stored([3, 1], new Float32Array(3).fill(1)))
  })
  expect(shape).toMatchObject({ code: 'invalid_file', message: expect.stringContaining('[3, 1]') })
  const type = await refusal(byRow, tensors => {
    const { shape, data } = tensors.get(scaleName)!
    tensors.set(scaleName, { dtype: 'I8', shape, data: data.slice(0, shape[0]) })
  })
  expect(type).toMatchObject({ code: 'unsupported_format', message: expect.stringContaining('i8') })
})

it('refuses zero points, and FP8 where the config says int8', async () => {
  const zeroPoint = await refusal(byRow, tensors => {
    tensors.set(scaleName.replace('scale', 'zero_point'), f32Stored([1], new Float32Array(1)))
  })
  expect(zeroPoint).toMatchObject({ code: 'invalid_file' })
  expect(zeroPoint.message).toContain('weight_zero_point')
  const mixed = await refusal(byRow, tensors => {
    tensors.get(scaleName.replace('_scale', ''))!.dtype = 'F8_E4M3'
  })
  expect(mixed).toMatchObject({ code: 'invalid_file', message: expect.stringContaining('f8_e4m3') })
})

it('refuses a group that does not divide the row', async () => {
  const { folder } = quantised(golden('dense-f32'), byGroup)
  const path = join(folder, 'config.json')
  const text = readFileSync(path, 'utf8').replace('"group_size":8', '"group_size":7')
  writeFileSync(path, text)
  const error = await thrown(() => answer(folder, 'auto'))
  expect(error).toMatchObject({ code: 'invalid_config', message: expect.stringContaining('7') })
})

it('refuses NaN among FP8 values where it is asked to look', async () => {
  const { folder } = quantised(golden('dense-f32'), fp8, tensors => {
    tensors.get(scaleName.replace('_scale', ''))!.data[5] = 0x7f
  })
  const error = await thrown(() => loadModel(folder, { validate: true }))
  expect(error.code).toBe('numerical_error')
})

it('scales may be bf16, as other writers have them', async () => {
  const halved = (store: (halves: Uint16Array, shape: number[]) => StoredTensor) =>
    quantised(golden('dense-f32'), byRow, tensors => {
      for (const [name, { data, shape }] of tensors) {
        if (!name.endsWith('weight_scale')) continue
        const halves = new Uint16Array(data.slice().buffer).filter((_, i) => i % 2 === 1)
        tensors.set(name, store(halves, shape))
      }
    }).folder
  const bf16 = halved((halves, shape) => ({
    dtype: 'BF16',
    shape,
    data: new Uint8Array(halves.buffer),
  }))
  const f32 = halved((halves, shape) =>
    f32Stored(shape, new Float32Array(Uint32Array.from(halves, h => h << 16).buffer)),
  )
  for (const weights of ['auto', 'f32'] as const)
    expect((await answer(bf16, weights)).logits).toEqual((await answer(f32, weights)).logits)
})

it('reads every FP8 code', async () => {
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const tensors: Tensors = new Map([['x', { dtype: 'F8_E4M3', shape: [256], data: codes }]])
  const path = join(makeFolder({ 'x.safetensors': safetensors(tensors) }), 'x.safetensors')
  const store = await native().openWeights([path])
  expect(store.read('x')).toEqual(e4m3)
  expect([e4m3[0x7e], e4m3[0x01], e4m3[0x38], e4m3[0x80]]).toEqual([448, 2 ** -9, 1, -0])
  store.close()
})

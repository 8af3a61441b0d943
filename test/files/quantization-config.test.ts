import { describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../lib/files/config.ts'
import { thrown, tinyConfig } from './folder.ts'

type Json = Record<string, unknown>
const parse = (quantization_config: unknown) =>
  parseModelConfig({ ...tinyConfig, quantization_config }).quantization
const weights = { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel' }
const activations = { num_bits: 8, type: 'int', dynamic: true, strategy: 'token' }

function compressed(change: { top?: Json; weights?: Json; group?: Json } = {}): Json {
  const group = { targets: ['Linear'], weights: { ...weights, ...change.weights }, ...change.group }
  return {
    quant_method: 'compressed-tensors',
    format: 'int-quantized',
    config_groups: { group_0: group },
    ignore: ['lm_head', 're:.*mlp.gate$'],
    ...change.top,
  }
}

const fp8 = { quant_method: 'fp8', fmt: 'e4m3', weight_block_size: [128, 128] }

describe('reads', () => {
  it.each([
    ['nothing', undefined, null],
    ['null', null, null],
    ['int8 by row', compressed(), { kind: 'int8', groupSize: null }],
    [
      'int8 activations made while running',
      compressed({ group: { input_activations: activations } }),
      { kind: 'int8', groupSize: null },
    ],
    [
      'int8 by group',
      compressed({ weights: { strategy: 'group', group_size: 128 } }),
      { kind: 'int8', groupSize: 128 },
    ],
    [
      'empty schemes',
      compressed({ top: { kv_cache_scheme: null, sparsity_config: {}, transform_config: {} } }),
      { kind: 'int8', groupSize: null },
    ],
    ['FP8', fp8, { kind: 'fp8', blockSize: [128, 128] }],
  ])('%s', (_, raw, expected) => {
    expect(parse(raw)).toEqual(expected)
  })

  it('compression_config, the older name', () => {
    const raw = { ...tinyConfig, compression_config: compressed() }
    expect(parseModelConfig(raw).quantization).toEqual({ kind: 'int8', groupSize: null })
  })
})

describe('refuses other methods by name', () => {
  it.each([
    ['gptq', { quant_method: 'gptq', bits: 4 }],
    ['awq', { quant_method: 'awq', bits: 4 }],
    ['bitsandbytes', { quant_method: 'bitsandbytes' }],
    ['__proto__', { quant_method: '__proto__' }],
    ['pack-quantized', compressed({ top: { format: 'pack-quantized' } })],
    ['float-quantized', compressed({ top: { format: 'float-quantized' } })],
    ['num_bits', compressed({ weights: { num_bits: 4 } })],
    ['type', compressed({ weights: { type: 'float' } })],
    ['symmetric', compressed({ weights: { symmetric: false } })],
    ['tensor', compressed({ weights: { strategy: 'tensor' } })],
    ['dynamic', compressed({ group: { input_activations: { ...activations, dynamic: false } } })],
    ['kv_cache_scheme', compressed({ top: { kv_cache_scheme: { num_bits: 8 } } })],
    ['sparsity_config', compressed({ top: { sparsity_config: { format: 'sparse-24-bitmask' } } })],
    ['weight_block_size', { quant_method: 'fp8' }],
    ['static', { ...fp8, activation_scheme: 'static' }],
    ['e5m2', { ...fp8, fmt: 'e5m2' }],
  ])('%s', async (name, raw) => {
    const error = await thrown(() => parse(raw))
    expect(error.code).toBe('unsupported_model')
    expect(error.message).toContain(name)
  })
})

describe('refuses what contradicts itself', () => {
  it.each([
    ['quantization_config', 'int8'],
    ['quantization_config', []],
    ['config_groups', compressed({ top: { config_groups: {} } })],
    ['config_groups', compressed({ top: { config_groups: 7 } })],
    ['weights', compressed({ group: { weights: null } })],
    ['num_bits', compressed({ weights: { num_bits: 0 } })],
    ['num_bits', compressed({ weights: { num_bits: '8' } })],
    ['group_size', compressed({ weights: { strategy: 'group' } })],
    ['group_size', compressed({ weights: { strategy: 'group', group_size: 0 } })],
    ['group_size', compressed({ weights: { strategy: 'group', group_size: -1 } })],
    ['group_size', compressed({ weights: { strategy: 'group', group_size: 2.5 } })],
    ['weight_block_size', { ...fp8, weight_block_size: [128] }],
    ['weight_block_size', { ...fp8, weight_block_size: [0, 128] }],
    ['weight_block_size', { ...fp8, weight_block_size: [128, 1e9] }],
  ])('%s %j', async (name, raw) => {
    const error = await thrown(() => parse(raw))
    expect(error.code).toBe('invalid_config')
    expect(error.message).toContain(name)
  })
})

import { describe, expect, test } from 'vitest'
import { configLimits, parseModelConfig } from '../../lib/files/config.ts'
import { thrown, tinyConfig, tinyMoe } from './folder.ts'

const qwen3Moe30b = {
  architectures: ['Qwen3MoeForCausalLM'],
  attention_bias: false,
  bos_token_id: 151643,
  decoder_sparse_step: 1,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 6144,
  max_position_embeddings: 40960,
  max_window_layers: 48,
  mlp_only_layers: [],
  model_type: 'qwen3_moe',
  moe_intermediate_size: 768,
  norm_topk_prob: true,
  num_attention_heads: 32,
  num_experts: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 48,
  num_key_value_heads: 4,
  output_router_logits: false,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000.0,
  router_aux_loss_coef: 0.001,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  use_sliding_window: false,
  vocab_size: 151936,
}

describe('real configs', () => {
  test('Qwen3-30B-A3B', () => {
    expect(parseModelConfig(qwen3Moe30b)).toEqual({
      modelType: 'qwen3_moe',
      vocabSize: 151936,
      hiddenSize: 2048,
      intermediateSize: 6144,
      numHiddenLayers: 48,
      numAttentionHeads: 32,
      numKeyValueHeads: 4,
      headDim: 128,
      rmsNormEps: 1e-6,
      maxPositionEmbeddings: 40960,
      tieWordEmbeddings: false,
      attentionBias: false,
      mlpBias: false,
      dtype: 'bf16',
      rope: { theta: 1e6, scaling: null },
      quantization: null,
      moe: {
        numExperts: 128,
        numExpertsPerTok: 8,
        moeIntermediateSize: 768,
        normTopkProb: true,
        decoderSparseStep: 1,
        mlpOnlyLayers: [],
      },
      bosTokenId: 151643,
      eosTokenIds: [151645],
    })
  })

  test('inert keys of Qwen3-Coder load', () => {
    const extra = { qkv_bias: false, use_qk_norm: true, shared_expert_intermediate_size: 0 }
    const coder = { ...qwen3Moe30b, ...extra, max_window_layers: 28, rope_theta: 1e7 }
    expect(parseModelConfig(coder).rope.theta).toBe(1e7)
  })

  test('Llama 3.2 1B derives head_dim and scales frequencies', () => {
    const config = parseModelConfig({
      model_type: 'llama',
      hidden_size: 2048,
      num_hidden_layers: 16,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      intermediate_size: 8192,
      vocab_size: 128256,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 131072,
      tie_word_embeddings: true,
      rope_theta: 500000,
      eos_token_id: [128001, 128008, 128009],
      rope_scaling: {
        factor: 32,
        high_freq_factor: 4,
        low_freq_factor: 1,
        original_max_position_embeddings: 8192,
        rope_type: 'llama3',
      },
    })
    expect(config.headDim).toBe(64)
    expect(config.eosTokenIds).toEqual([128001, 128008, 128009])
    expect(config.rope.scaling).toEqual({
      type: 'llama3',
      factor: 32,
      highFreqFactor: 4,
      lowFreqFactor: 1,
      originalMaxPositionEmbeddings: 8192,
    })
  })
})

describe('class defaults of transformers', () => {
  test.each([
    ['qwen3_moe', 151936, 2048, 6144, 24, 32, 4, 64, 32768],
    ['qwen3', 151936, 4096, 22016, 32, 32, 32, 128, 32768],
    ['llama', 32000, 4096, 11008, 32, 32, 32, 128, 2048],
  ])('%s', (model_type, vocab, hidden, inner, layers, heads, kvHeads, headDim, positions) => {
    const config = parseModelConfig({ model_type })
    expect([config.vocabSize, config.hiddenSize, config.intermediateSize]).toEqual([
      vocab,
      hidden,
      inner,
    ])
    expect([config.numHiddenLayers, config.numAttentionHeads, config.numKeyValueHeads]).toEqual([
      layers,
      heads,
      kvHeads,
    ])
    expect([config.headDim, config.maxPositionEmbeddings]).toEqual([headDim, positions])
    expect([config.rmsNormEps, config.rope.theta]).toEqual([1e-6, 10000])
    expect(config.tieWordEmbeddings || config.attentionBias || config.mlpBias).toBe(false)
  })

  test('norm_topk_prob is false, and a Llama stops at 2', () => {
    expect(parseModelConfig(tinyMoe).moe?.normTopkProb).toBe(false)
    const llama = parseModelConfig({ model_type: 'llama' })
    expect([llama.bosTokenId, llama.eosTokenIds]).toEqual([1, [2]])
    expect(parseModelConfig({ model_type: 'llama', eos_token_id: null }).eosTokenIds).toEqual([])
  })
})

describe('both spellings', () => {
  const yarn = { factor: 4, original_max_position_embeddings: 128 }
  const old = { ...tinyConfig, rope_theta: 1e6, rope_scaling: { ...yarn, type: 'yarn' } }
  const renamed = {
    ...tinyConfig,
    rope_parameters: { ...yarn, rope_theta: 1e6, rope_type: 'yarn' },
  }
  test('rope_theta + rope_scaling equals rope_parameters', () => {
    expect(parseModelConfig(renamed)).toEqual(parseModelConfig(old))
    expect(parseModelConfig(old).rope.scaling).toMatchObject({ type: 'yarn', betaFast: 32 })
  })
  test.each([
    ['dtype', { dtype: 'float16' }, { torch_dtype: 'float16' }],
    ['torch. prefix', { dtype: 'torch.float16' }, { torch_dtype: 'float16' }],
    ['both dtypes', { dtype: 'float16', torch_dtype: 'float16' }, { dtype: 'float16' }],
    ['experts', { num_experts: undefined, num_local_experts: 8 }, { num_experts: 8 }],
    ['default rope', { rope_scaling: { rope_type: 'default' } }, { rope_scaling: null }],
    ['mrope', { rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] } }, {}],
    ['empty rope_parameters', { rope_parameters: {} }, {}],
    ['eos as a list', { eos_token_id: [3] }, { eos_token_id: 3 }],
    ['eos outside the vocabulary', { eos_token_id: [3, 151645, -1, 3] }, { eos_token_id: 3 }],
    ['bos outside the vocabulary', { bos_token_id: 151643 }, {}],
    ['swish is silu', { hidden_act: 'swish' }, {}],
    ['null kv heads', { num_key_value_heads: null }, { num_key_value_heads: 4 }],
    ['null head_dim', { head_dim: null }, { head_dim: 16 }],
    ['layer types', { layer_types: ['full_attention', 'full_attention'] }, {}],
    ['full rotation', { partial_rotary_factor: 1 }, {}],
    [
      'nested by layer type',
      { rope_parameters: { full_attention: { rope_theta: 5 } } },
      { rope_theta: 5 },
    ],
  ])('%s', (_, one, other) => {
    expect(parseModelConfig({ ...tinyMoe, ...one })).toEqual(
      parseModelConfig({ ...tinyMoe, ...other }),
    )
  })
  test('a text_config inside is used, and the root says whether the head is tied', () => {
    const nested = { model_type: 'some_vl', tie_word_embeddings: true, text_config: tinyMoe }
    expect(parseModelConfig(nested)).toEqual(
      parseModelConfig({ ...tinyMoe, tie_word_embeddings: true }),
    )
  })
  test('factor null of YaRN is derived from the lengths', () => {
    const scaling = { type: 'yarn', factor: null, original_max_position_embeddings: 128 }
    expect(parseModelConfig({ ...tinyConfig, rope_scaling: scaling }).rope.scaling).toMatchObject({
      factor: 4,
    })
  })
})

const yarn = { type: 'yarn', factor: 4 }
const llama3 = { type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
const bomb = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)

describe('invalid_config names the key', () => {
  const sizes = ['num_hidden_layers', 'num_attention_heads', 'hidden_size', 'vocab_size']
  const bad: [string, unknown][] = [0, -1, 1.5, '32', 1e9 + 0.5, true, [], {}].flatMap(value =>
    sizes.map(key => [key, value] as [string, unknown]),
  )
  bad.push(
    ['num_hidden_layers', configLimits.numHiddenLayers + 1],
    ['hidden_size', configLimits.hiddenSize + 1],
    ['vocab_size', configLimits.vocabSize + 1],
    ['num_attention_heads', 1e9],
    ['num_hidden_layers', 1e9],
    ['intermediate_size', 1e9],
    ['moe_intermediate_size', 0],
    ['num_experts', 0],
    ['num_experts', configLimits.numExperts + 1],
    ['num_experts_per_tok', 0],
    ['num_experts_per_tok', 9],
    ['decoder_sparse_step', 0],
    ['mlp_only_layers', [-1]],
    ['mlp_only_layers', ['1']],
    ['mlp_only_layers', 'all'],
    ['norm_topk_prob', 1],
    ['num_key_value_heads', 3],
    ['num_key_value_heads', 8],
    ['head_dim', 15],
    ['head_dim', 0],
    ['rope_theta', 0],
    ['rope_theta', -1],
    ['rope_theta', 1],
    ['rope_theta', 1e308],
    ['rope_theta', '1e6'],
    ['rms_norm_eps', 0],
    ['rms_norm_eps', -1],
    ['rms_norm_eps', Number.NaN],
    ['max_position_embeddings', 2 ** 53],
    ['max_position_embeddings', 0],
    ['sliding_window', 0],
    ['sliding_window', -1],
    ['layer_types', ['full_attention']],
    ['layer_types', 'full_attention'],
    ['tie_word_embeddings', 'yes'],
    ['attention_bias', 0],
    ['eos_token_id', 1.5],
    ['eos_token_id', '2'],
    ['bos_token_id', [1]],
    ['hidden_act', 3],
    ['architectures', 'Qwen3ForCausalLM'],
    ['rope_scaling', 'yarn'],
    ['rope_scaling', []],
  )
  test.each(bad)('%s: %j', async (key, value) => {
    const error = await thrown(() => parseModelConfig({ ...tinyMoe, [key]: value }))
    expect(error.code).toBe('invalid_config')
    expect(error.message).toContain(`"${key}"`)
    expect(error.message.length).toBeLessThan(400)
  })

  test.each([
    ['factor', { type: 'linear' }],
    ['factor', { type: 'linear', factor: 0 }],
    ['factor', { type: 'linear', factor: -1 }],
    ['factor', { type: 'yarn' }],
    ['factor', { ...yarn, factor: '4' }],
    ['attention_factor', { ...yarn, attention_factor: 0 }],
    ['beta_fast', { ...yarn, beta_fast: -1 }],
    ['truncate', { ...yarn, truncate: 1 }],
    ['original_max_position_embeddings', { ...yarn, original_max_position_embeddings: 0 }],
    ['original_max_position_embeddings', { ...yarn, original_max_position_embeddings: 2 ** 53 }],
    ['low_freq_factor', { ...llama3, low_freq_factor: undefined }],
    ['high_freq_factor', { ...llama3, high_freq_factor: 1 }],
    ['rope_theta', { ...yarn, rope_theta: 0 }],
  ])('%s in %j', async (key, rope_scaling) => {
    const error = await thrown(() => parseModelConfig({ ...tinyConfig, rope_scaling }))
    expect([error.code, error.message.includes(`"${key}"`)]).toEqual(['invalid_config', true])
  })

  test.each([null, 7, 'x', [], undefined])('a config that is %j', async raw => {
    expect((await thrown(() => parseModelConfig(raw))).code).toBe('invalid_config')
  })

  test('a value nested 50,000 deep', async () => {
    const raw = { ...tinyMoe, hidden_size: bomb, rope_scaling: bomb, unknown: bomb }
    const error = await thrown(() => parseModelConfig(raw))
    expect([error.code, error.message.length < 200]).toEqual(['invalid_config', true])
  })

  test('spellings that disagree', async () => {
    const experts = () => parseModelConfig({ ...tinyMoe, num_local_experts: 9 })
    expect((await thrown(experts)).message).toContain('"num_local_experts"')
  })

  test('keys of the prototype are not keys', async () => {
    const raw = JSON.parse('{"__proto__": {"model_type": "qwen3"}}')
    expect((await thrown(() => parseModelConfig(raw))).message).toContain('"model_type"')
    expect(({} as { model_type?: string }).model_type).toBeUndefined()
  })
})

describe('unsupported_model names the key', () => {
  test.each<[string, object]>([
    ['model_type', { model_type: 'qwen2' }],
    ['model_type', { model_type: 'qwen3_next' }],
    ['model_type', { model_type: 'constructor' }],
    ['model_type', { model_type: 'custom', auto_map: { AutoModel: 'x.Y' } }],
    ['architectures', { architectures: ['Qwen3ForSequenceClassification'] }],
    ['auto_map', { auto_map: { AutoModel: 'x.Y' } }],
    ['hidden_act', { hidden_act: 'gelu' }],
    ['quantization_config', { quantization_config: { quant_method: 'gptq' } }],
    ['partial_rotary_factor', { partial_rotary_factor: 0.25 }],
    ['partial_rotary_factor', { rope_parameters: { partial_rotary_factor: 0.5 } }],
    ['type', { rope_scaling: { type: 'dynamic', factor: 2 } }],
    ['rope_type', { rope_scaling: { rope_type: 'longrope', factor: 2 } }],
    ['shared_expert_intermediate_size', { shared_expert_intermediate_size: 512 }],
    ['qkv_bias', { qkv_bias: true }],
    ['use_qk_norm', { use_qk_norm: false }],
    ['use_qk_norm', { model_type: 'llama', use_qk_norm: true }],
    ['attn_logit_softcapping', { attn_logit_softcapping: 50 }],
    ['final_logit_softcapping', { final_logit_softcapping: 30 }],
    ['logits_scaling', { logits_scaling: 8 }],
    ['embedding_multiplier', { embedding_multiplier: 12 }],
    ['sliding_window', { model_type: 'llama', sliding_window: 64 }],
    ['use_sliding_window', { use_sliding_window: true, sliding_window: 64, max_window_layers: 0 }],
    ['use_sliding_window', { ...tinyMoe, use_sliding_window: true, sliding_window: 64 }],
    ['layer_types', { layer_types: ['full_attention', 'sliding_attention'] }],
    ['layer_types', { layer_types: ['linear_attention', 'full_attention'] }],
  ])('%s: %j', async (key, extra) => {
    const error = await thrown(() => parseModelConfig({ ...tinyConfig, ...extra }))
    expect(error.code).toBe('unsupported_model')
    expect(error.message).toContain(`"${key}"`)
  })

  test.each<[string, object]>([
    ['a window as long as the context', { use_sliding_window: true, sliding_window: 512 }],
    [
      'a window below no layer',
      { use_sliding_window: true, sliding_window: 8, max_window_layers: 2 },
    ],
    ['a window that is not used', { sliding_window: 8, max_window_layers: 0 }],
    ['a window of null', { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }],
  ])('%s changes nothing', (_, extra) => {
    expect(parseModelConfig({ ...tinyConfig, ...extra })).toEqual(parseModelConfig(tinyConfig))
  })
})

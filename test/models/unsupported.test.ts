/** Configs that must be refused, each a valid one with one thing changed, so that the change is the cause. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConclaveError, loadModel } from '../../lib/index.ts'
import { goldenFolder } from './golden.ts'

type Base = 'qwen3_moe' | 'qwen3' | 'llama'
type Config = Record<string, unknown>
/** Base, changed keys (undefined removes one), and what the message must name. */
type Row = [base: Base, changes: Config, names: string]

async function configOf(base: Base): Promise<Config> {
  return JSON.parse(await readFile(join(goldenFolder, 'unsupported', `${base}.json`), 'utf8'))
}

/** The error that a folder with this config.json, and nothing else, is refused with. */
async function refusal(text: string): Promise<ConclaveError> {
  const folder = await mkdtemp(join(tmpdir(), 'conclave-config-'))
  try {
    await writeFile(join(folder, 'config.json'), text)
    const model = await loadModel(folder, { device: 'cpu' })
    await model.dispose()
    throw new Error('the folder was loaded')
  } catch (error) {
    expect(error).toBeInstanceOf(ConclaveError)
    return error as ConclaveError
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function refusalWith(base: Base, changes: Config): Promise<ConclaveError> {
  return refusal(JSON.stringify({ ...(await configOf(base)), ...changes }))
}

const rope = (settings: Config) => ({ rope_scaling: settings })
const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 }
const llama3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
}

const unsupported: Row[] = [
  ['qwen3', { model_type: 'qwen2' }, 'qwen2'],
  ['qwen3', { model_type: 'qwen3_next' }, 'qwen3_next'],
  ['llama', { model_type: 'mistral', architectures: ['MistralForCausalLM'] }, 'mistral'],
  ['qwen3', { model_type: '__proto__' }, '__proto__'],
  ['qwen3', { model_type: 'constructor' }, 'constructor'],
  ['qwen3', { architectures: ['Qwen3ForSequenceClassification'] }, 'architectures'],
  ['llama', { auto_map: { AutoModelForCausalLM: 'modeling_x.XForCausalLM' } }, 'auto_map'],
  ['qwen3', { hidden_act: 'gelu' }, 'hidden_act'],
  ['qwen3_moe', { hidden_act: 'gelu_pytorch_tanh' }, 'hidden_act'],
  ['llama', { hidden_act: 'relu' }, 'hidden_act'],
  ['qwen3', rope({ rope_type: 'dynamic', factor: 2 }), 'dynamic'],
  ['llama', rope({ type: 'dynamic', factor: 2 }), 'dynamic'],
  ['qwen3_moe', rope({ rope_type: 'longrope', short_factor: [1], long_factor: [2] }), 'longrope'],
  ['qwen3', rope({ rope_type: 'proportional' }), 'proportional'],
  ['qwen3', rope({ rope_type: 'no-such-type' }), 'no-such-type'],
  ['llama', { rope_parameters: { rope_type: 'dynamic', factor: 2, rope_theta: 1e4 } }, 'dynamic'],
  ['qwen3', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
  ['llama', rope({ ...yarn, partial_rotary_factor: 0.25 }), 'partial_rotary_factor'],
  ['llama', { rope_interleaved: true }, 'rope_interleaved'],
  ['llama', { no_rope_layers: [1, 0] }, 'no_rope_layers'],
  ['qwen3', { use_sliding_window: true, sliding_window: 16, max_window_layers: 1 }, 'sliding'],
  ['qwen3_moe', { use_sliding_window: true, sliding_window: 16 }, 'sliding'],
  ['qwen3', { sliding_window: 16, layer_types: ['full_attention', 'sliding_attention'] }, 'slid'],
  ['qwen3', { layer_types: ['linear_attention', 'full_attention'] }, 'layer_types'],
  [
    'qwen3_moe',
    {
      use_sliding_window: true,
      sliding_window: 16,
      layer_types: ['full_attention', 'full_attention'],
    },
    'sliding',
  ],
  ['llama', { attention_chunk_size: 32 }, 'attention_chunk_size'],
  ['qwen3', { final_logit_softcapping: 30 }, 'final_logit_softcapping'],
  ['qwen3', { attn_logit_softcapping: 50 }, 'attn_logit_softcapping'],
  ['llama', { logits_scaling: 8 }, 'logits_scaling'],
  ['llama', { embedding_multiplier: 12 }, 'embedding_multiplier'],
  ['llama', { residual_multiplier: 0.22 }, 'residual_multiplier'],
  ['llama', { attention_multiplier: 0.015 }, 'attention_multiplier'],
  ['qwen3_moe', { shared_expert_intermediate_size: 16 }, 'shared_expert_intermediate_size'],
  ['qwen3_moe', { n_shared_experts: 1 }, 'n_shared_experts'],
  ['qwen3_moe', { n_group: 2, topk_group: 1 }, 'n_group'],
  ['qwen3_moe', { routed_scaling_factor: 2.5 }, 'routed_scaling_factor'],
  ['qwen3_moe', { scoring_func: 'sigmoid' }, 'scoring_func'],
  ['qwen3_moe', { use_qk_norm: false }, 'use_qk_norm'],
  ['qwen3_moe', { qkv_bias: true }, 'qkv_bias'],
  ['qwen3', { attn_output_gate: true }, 'attn_output_gate'],
  ['qwen3', { quantization_config: { quant_method: 'fp8' } }, 'quantization_config'],
]

const invalid: Row[] = [
  ['qwen3', { model_type: undefined }, 'model_type'],
  ['qwen3', { model_type: 7 }, 'model_type'],
  ['qwen3', { hidden_size: 0 }, 'hidden_size'],
  ['qwen3', { hidden_size: -32 }, 'hidden_size'],
  ['qwen3', { hidden_size: 32.5 }, 'hidden_size'],
  ['qwen3', { hidden_size: '32' }, 'hidden_size'],
  ['qwen3', { hidden_size: 2 ** 40 }, 'hidden_size'],
  ['qwen3', { vocab_size: 0 }, 'vocab_size'],
  ['qwen3', { num_hidden_layers: 0 }, 'num_hidden_layers'],
  ['qwen3', { num_hidden_layers: 1e9 }, 'num_hidden_layers'],
  ['qwen3', { num_key_value_heads: 3 }, 'num_key_value_heads'],
  ['qwen3', { num_key_value_heads: 8 }, 'num_key_value_heads'],
  ['qwen3', { head_dim: 7 }, 'head_dim'],
  ['llama', { head_dim: undefined, num_attention_heads: 5, num_key_value_heads: 5 }, 'hidden_size'],
  ['qwen3', { max_position_embeddings: 0 }, 'max_position_embeddings'],
  ['qwen3', { rms_norm_eps: -1 }, 'rms_norm_eps'],
  ['qwen3', { rms_norm_eps: 'small' }, 'rms_norm_eps'],
  ['qwen3', { rope_theta: 0 }, 'rope_theta'],
  ['qwen3', { rope_theta: -1e6 }, 'rope_theta'],
  ['qwen3', { tie_word_embeddings: 'yes' }, 'tie_word_embeddings'],
  ['qwen3', { layer_types: ['full_attention'] }, 'layer_types'],
  ['qwen3', rope({ rope_type: 'linear' }), 'factor'],
  ['qwen3', rope({ rope_type: 'linear', factor: 0 }), 'factor'],
  ['qwen3', { rope_scaling: 'yarn' }, 'rope_scaling'],
  ['qwen3', rope({ ...yarn, factor: -1 }), 'factor'],
  ['qwen3', rope({ ...yarn, attention_factor: 'big' }), 'attention_factor'],
  ['qwen3', rope({ ...yarn, original_max_position_embeddings: 0 }), 'original_max'],
  ['llama', rope({ ...llama3, low_freq_factor: undefined }), 'low_freq_factor'],
  ['llama', rope({ ...llama3, high_freq_factor: 1 }), 'high_freq_factor'],
  ['qwen3_moe', { num_experts: 0 }, 'num_experts'],
  ['qwen3_moe', { num_experts: 4, num_local_experts: 8 }, 'num_local_experts'],
  ['qwen3_moe', { num_experts_per_tok: 5 }, 'num_experts_per_tok'],
  ['qwen3_moe', { num_experts_per_tok: 0 }, 'num_experts_per_tok'],
  ['qwen3_moe', { moe_intermediate_size: 0 }, 'moe_intermediate_size'],
  ['qwen3_moe', { decoder_sparse_step: 0 }, 'decoder_sparse_step'],
  ['qwen3_moe', { mlp_only_layers: ['0'] }, 'mlp_only_layers'],
  ['qwen3_moe', { norm_topk_prob: 1 }, 'norm_topk_prob'],
]

// Keys of real configs that change nothing: these folders fail for want of weights, not for their config.
const harmless: [Base, Config][] = [
  ['qwen3_moe', {}],
  ['qwen3', {}],
  ['llama', {}],
  ['qwen3_moe', { shared_expert_intermediate_size: 0, qkv_bias: false, use_qk_norm: true }],
  ['qwen3_moe', { sliding_window: null, use_sliding_window: false, max_window_layers: 28 }],
  ['qwen3_moe', { router_aux_loss_coef: 0.001, output_router_logits: true, eos_token_id: [1, 2] }],
  ['qwen3', { sliding_window: 16, use_sliding_window: false, max_window_layers: 1 }],
  ['qwen3', { layer_types: ['full_attention', 'full_attention'], rope_scaling: null }],
  ['llama', { rope_interleaved: false, is_llama_config: true, pretraining_tp: 1 }],
  ['llama', { final_logit_softcapping: null, quantization_config: null, auto_map: null }],
  ['llama', rope(llama3)],
  ['qwen3', rope(yarn)],
]

function titled<T extends [base: Base, changes: Config, ...rest: string[]]>(rows: T[]) {
  return rows.map(row => [`${row[0]} with ${JSON.stringify(row[1])}`, row] as const)
}

describe('refuses what it does not implement', () => {
  it.each(titled(unsupported))('%s', async (_, [base, changes, names]) => {
    const error = await refusalWith(base, changes)
    expect(error.code).toBe('unsupported_model')
    expect(error.message).toContain(names)
  })
})

describe('refuses a config that contradicts itself', () => {
  it.each(titled(invalid))('%s', async (_, [base, changes, names]) => {
    const error = await refusalWith(base, changes)
    expect(error.code).toBe('invalid_config')
    expect(error.message).toContain(names)
  })

  it.each(['[]', 'null', '"qwen3"', '{}'])('JSON %s', async text => {
    expect((await refusal(text)).code).toBe('invalid_config')
  })

  it.each(['', '{', '{"model_type":"qwen3"'])('what is no JSON: %j', async text => {
    expect((await refusal(text)).code).toBe('invalid_file')
  })
})

describe('has nothing against keys that change nothing', () => {
  it.each(titled(harmless))('%s', async (_, [base, changes]) => {
    const { code } = await refusalWith(base, changes)
    expect(['missing_shard', 'invalid_file', 'unsupported_format', 'io_error']).toContain(code)
  })
})

/**
 * Keys that change the math and are not implemented. A model that needs one is refused, never
 * approximated.
 * @module
 */
import type { ConfigReader } from './config-reader.ts'

/**
 * Each key with the values under which it changes nothing. Absent and null always change nothing.
 */
const neutralValues: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['attention_chunk_size', []],
  ['attention_multiplier', []],
  ['attn_logit_softcap', [0]],
  ['attn_logit_softcapping', [0]],
  ['attn_output_gate', [false]],
  ['embedding_multiplier', [1]],
  ['final_logit_softcapping', [0]],
  ['kv_lora_rank', [0]],
  ['logit_scale', [1]],
  ['logits_scaling', [1]],
  ['n_group', [0, 1]],
  ['n_shared_experts', [0]],
  ['no_rope_layers', []],
  ['qkv_bias', [false]],
  ['query_pre_attn_scalar', []],
  ['residual_multiplier', [1]],
  ['rope_interleave', [false]],
  ['rope_interleaved', [false]],
  ['routed_scaling_factor', [1]],
  ['scale_emb', [1]],
  ['scoring_func', ['softmax']],
  ['shared_expert_intermediate_size', [0]],
])

/** Refuses keys whose effect is not implemented. Throws `unsupported_model` naming the key. */
export function refuseUnsupportedKeys(
  config: ConfigReader,
  modelType: string,
  numHiddenLayers: number,
  maxPositionEmbeddings: number,
): void {
  for (const [key, neutral] of neutralValues) {
    if (config.has(key) && !neutral.includes(config.get(key))) {
      throw config.unsupported(key, `it changes the math of ${modelType} and is not implemented.`)
    }
  }
  if (config.has('auto_map')) {
    throw config.unsupported(
      'auto_map',
      `code that comes with a model is never run. Remove the key if the model is a plain ${modelType}.`,
    )
  }
  const activation = config.stringOrNull('hidden_act') ?? 'silu'
  if (activation !== 'silu' && activation !== 'swish') {
    throw config.unsupported('hidden_act', 'only silu is implemented.')
  }
  const qkNorm = modelType !== 'llama'
  if (config.bool('use_qk_norm', qkNorm) !== qkNorm) {
    throw config.unsupported('use_qk_norm', `${modelType} is implemented with ${qkNorm}.`)
  }
  refuseSlidingWindow(config, modelType, numHiddenLayers, maxPositionEmbeddings)
}

function refuseSlidingWindow(
  config: ConfigReader,
  modelType: string,
  numHiddenLayers: number,
  maxPositionEmbeddings: number,
): void {
  const window = config.has('sliding_window')
    ? config.int('sliding_window', { min: 1, max: Number.MAX_SAFE_INTEGER })
    : null
  const layerTypes = config.get('layer_types') ?? null
  if (layerTypes !== null) {
    if (!Array.isArray(layerTypes) || layerTypes.length !== numHiddenLayers) {
      throw config.refuse('layer_types', `a list of num_hidden_layers (${numHiddenLayers}) names`)
    }
    const other = layerTypes.find(type => type !== 'full_attention')
    if (other !== undefined) {
      throw config.unsupported('layer_types', `only full_attention is implemented, not ${other}.`)
    }
  }
  const key = modelType === 'llama' ? 'sliding_window' : 'use_sliding_window'
  const used = modelType === 'llama' ? window !== null : config.bool(key, false)
  if (!used) return
  // Class default of the window, and the layers that slide: all of qwen3_moe, the last ones of
  // qwen3.
  const reach = config.get('sliding_window') === null ? maxPositionEmbeddings : (window ?? 4096)
  const limits = { min: 0, max: 65_536 }
  const first = modelType === 'qwen3' ? config.int('max_window_layers', limits, 28) : 0
  // qwen3_moe has no layer types: its code slides every layer whatever the list says.
  const allFull = layerTypes !== null && modelType !== 'qwen3_moe'
  if (allFull || reach >= maxPositionEmbeddings || first >= numHiddenLayers) return
  throw config.unsupported(key, 'sliding-window attention is not implemented.')
}

/**
 * GGUF metadata → the keys of config.json.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import type { TensorInfo } from '../native.ts'
import { configLimits } from './config.ts'
import type { GgufKeys } from './gguf-metadata.ts'

const modelTypes = new Map([
  ['qwen3moe', 'qwen3_moe'],
  ['qwen3', 'qwen3'],
  ['llama', 'llama'],
])

/** What the tensors of all parts say about the model. */
export interface GgufTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** (head_dim / 2) what each rotary frequency is divided by; null where the file has none. */
  readonly ropeDivisors: readonly number[] | null
}

/**
 * An object like a parsed config.json, not checked further than its types.
 * Throws `invalid_config`, or `unsupported_model` for another architecture.
 */
export async function ggufConfig(keys: GgufKeys, { tensors, ropeDivisors }: GgufTensors) {
  const architecture = keys.string('general.architecture')
  const modelType = modelTypes.get(architecture)
  if (modelType === undefined) throw unknownArchitecture(keys, architecture)
  const key = (name: string) => `${architecture}.${name}`
  const heads =
    (await keys.sameInt(key('attention.head_count'))) ?? keys.int(key('attention.head_count'))
  const hidden = keys.int(key('embedding_length'))
  const headDim = keys.intOrNull(key('attention.key_length')) ?? hidden / heads
  const config = {
    model_type: modelType,
    vocab_size: vocabSize(keys, architecture, tensors),
    hidden_size: hidden,
    intermediate_size: (await keys.sameInt(key('feed_forward_length'))) ?? undefined,
    num_hidden_layers: keys.int(key('block_count')),
    num_attention_heads: heads,
    num_key_value_heads: (await keys.sameInt(key('attention.head_count_kv'))) ?? heads,
    head_dim: headDim,
    rms_norm_eps: keys.number(key('attention.layer_norm_rms_epsilon')),
    max_position_embeddings: keys.int(key('context_length')),
    tie_word_embeddings: !tensors.has('output.weight'),
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
    sliding_window: keys.intOrNull(key('attention.sliding_window')),
    rope_theta: keys.numberOrNull(key('rope.freq_base')) ?? 10_000,
    rope_scaling: ropeDivisors
      ? { rope_type: 'divisors', divisors: ropeDivisors }
      : scaling(keys, key),
    bos_token_id: keys.intOrNull('tokenizer.ggml.bos_token_id'),
    eos_token_id: stopIds(keys),
  }
  refuseOtherMath(keys, key, headDim)
  return modelType === 'qwen3_moe' ? { ...config, ...moe(keys, key, tensors) } : config
}

type KeyOf = (name: string) => string

function moe(keys: GgufKeys, key: KeyOf, tensors: GgufTensors['tensors']) {
  const layers = Math.min(keys.int(key('block_count')), configLimits.numHiddenLayers)
  const isDense = (i: number) => !tensors.has(`blk.${i}.ffn_gate_inp.weight`)
  return {
    num_experts: keys.int(key('expert_count')),
    num_experts_per_tok: keys.int(key('expert_used_count')),
    moe_intermediate_size: keys.int(key('expert_feed_forward_length')),
    // Not stored; true for every published model of this architecture.
    norm_topk_prob: true,
    mlp_only_layers: Array.from({ length: Math.max(layers, 0) }, (_, i) => i).filter(isDense),
  }
}

/** The embedding's rows; the two places that may repeat the number must agree with it. */
function vocabSize(keys: GgufKeys, architecture: string, tensors: GgufTensors['tensors']): number {
  const rows = tensors.get('token_embd.weight')?.shape[0]
  if (rows === undefined) {
    throw new ConclaveError(
      'invalid_file',
      `Expected the tensor "token_embd.weight" in ${keys.where}, but it is not there.`,
      { tensor: 'token_embd.weight' },
    )
  }
  const declared = keys.intOrNull(`${architecture}.vocab_size`) ?? rows
  if (declared === rows) return rows
  throw new ConclaveError(
    'invalid_config',
    `Expected "${architecture}.vocab_size" in ${keys.where} to be ${rows}, the rows of ` +
      `"token_embd.weight", but it is ${declared}.`,
    { actual: declared, expected: rows },
  )
}

function scaling(keys: GgufKeys, key: KeyOf) {
  const type = keys.stringOrNull(key('rope.scaling.type')) ?? 'none'
  if (type === 'none') return null
  const originalLength = keys.intOrNull(key('rope.scaling.original_context_length'))
  const optional = (name: string, value: number | null) => (value === null ? {} : { [name]: value })
  return {
    rope_type: type,
    ...optional('factor', keys.numberOrNull(key('rope.scaling.factor'))),
    ...optional('original_max_position_embeddings', originalLength),
    ...optional('beta_fast', keys.numberOrNull(key('rope.scaling.yarn_beta_fast'))),
    ...optional('beta_slow', keys.numberOrNull(key('rope.scaling.yarn_beta_slow'))),
  }
}

/** Ids that end a reply: end of text, of turn and of message. */
function stopIds(keys: GgufKeys): number[] {
  const names = ['eos', 'eot', 'eom']
  const ids = names.map(name => keys.intOrNull(`tokenizer.ggml.${name}_token_id`))
  return ids.filter(id => id !== null)
}

/** Keys that change the math and are not implemented. */
function refuseOtherMath(keys: GgufKeys, key: KeyOf, headDim: number): void {
  const neutral: [name: string, value: number][] = [
    ['attention.value_length', headDim],
    ['rope.dimension_count', headDim],
    ['expert_shared_count', 0],
    ['expert_weights_scale', 1],
    ['expert_gating_func', 1],
    ['rope.scaling.attn_factor', 1],
    ['rope.scaling.yarn_attn_factor', 1],
    ['rope.scaling.yarn_log_multiplier', 0],
    ['rope.scaling.alpha', 0],
    ['logit_scale', 1],
  ]
  if (key('') === 'llama.') neutral.push(['expert_count', 0])
  for (const [name, value] of neutral) {
    const actual = keys.numberOrNull(key(name)) ?? value
    if (actual === value) continue
    throw new ConclaveError(
      'unsupported_model',
      `"${key(name)}" in ${keys.where} is ${actual}: only ${value} is implemented.`,
      { key: key(name) },
    )
  }
}

function unknownArchitecture(keys: GgufKeys, architecture: string): ConclaveError {
  return new ConclaveError(
    'unsupported_model',
    `Expected an architecture that is implemented (${[...modelTypes.keys()].join(', ')}) in ` +
      `${keys.where}, but it is ${JSON.stringify(architecture.slice(0, 60))}.`,
    { architecture: architecture.slice(0, 60) },
  )
}

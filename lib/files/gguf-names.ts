/**
 * GGUF tensor names → the names of a Hugging Face checkpoint.
 * @module
 */
import type { TensorLayout } from './tensor-layout.ts'

const outside = new Map([
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
  // Its values are part of the config; the name is one that a model leaves alone.
  ['rope_freqs.weight', 'model.rotary_emb.inv_freq'],
])

const inBlock = new Map([
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['attn_q_norm', 'self_attn.q_norm'],
  ['attn_k_norm', 'self_attn.k_norm'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
  ['ffn_gate_inp', 'mlp.gate'],
])

/**
 * The checkpoint's name of a GGUF tensor; a name that is not known stays as it is.
 * @example
 * checkpointName('blk.3.attn_q.weight') // 'model.layers.3.self_attn.q_proj.weight'
 * checkpointName('blk.3.ffn_up_exps.weight') // 'model.layers.3.mlp.experts.up_exps'
 */
export function checkpointName(stored: string): string {
  const [, layer, part = '', kind] = /^blk\.(\d{1,5})\.([a-z_]+)\.(weight|bias)$/.exec(stored) ?? []
  if (layer === undefined) return outside.get(stored) ?? stored
  const name = inBlock.get(part)
  if (name !== undefined) return `model.layers.${layer}.${name}.${kind}`
  const [, projection] = /^ffn_(gate|up|down|gate_up)_exps$/.exec(part) ?? []
  if (projection === undefined || kind !== 'weight') return stored
  return `model.layers.${layer}.mlp.experts.${projection}_exps`
}

const inverse = (names: ReadonlyMap<string, string>) =>
  new Map([...names].map(([gguf, checkpoint]) => [checkpoint, gguf]))
const outsideInverse = inverse(outside)
const inBlockInverse = inverse(inBlock)

/**
 * The GGUF name of a checkpoint's weight, whichever prefix the checkpoint has; all experts of a
 * projection have one name.
 * @example
 * ggufName('model.layers.3.mlp.experts.7.up_proj.weight') // 'blk.3.ffn_up_exps.weight'
 */
export function ggufName(checkpoint: string): string {
  const [, layer, part = '', kind] =
    /(?:^|\.)layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(checkpoint) ?? []
  if (layer !== undefined) {
    const name = inBlockInverse.get(part)
    if (name !== undefined) return `blk.${layer}.${name}.${kind}`
    const [, projection] = /^mlp\.experts\.\d+\.(gate|up|down)_proj$/.exec(part) ?? []
    if (projection !== undefined) return `blk.${layer}.ffn_${projection}_exps.weight`
  }
  const last = checkpoint.split('.').slice(-2).join('.')
  return outsideInverse.get(last) ?? outsideInverse.get(`model.${last}`) ?? checkpoint
}

const rotated = /\.self_attn\.[qk]_proj\.(weight|bias)$/

/** Files of architecture `llama` have the rows of Q and K in the order of interleaved rotation. */
export function ggufLayout(architecture: string, headDim: number): TensorLayout {
  const interleaves = architecture === 'llama'
  return {
    nameOf: checkpointName,
    interleavedHeadDim: name => (interleaves && rotated.test(name) ? headDim : 0),
  }
}

import { describe, expect, test } from 'vitest'
import { checkpointName, ggufLayout, ggufName } from '../../lib/files/gguf-names.ts'

const names = [
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
  ['blk.0.attn_norm.weight', 'model.layers.0.input_layernorm.weight'],
  ['blk.12.attn_q.weight', 'model.layers.12.self_attn.q_proj.weight'],
  ['blk.12.attn_q.bias', 'model.layers.12.self_attn.q_proj.bias'],
  ['blk.1.attn_k.weight', 'model.layers.1.self_attn.k_proj.weight'],
  ['blk.1.attn_v.weight', 'model.layers.1.self_attn.v_proj.weight'],
  ['blk.1.attn_output.weight', 'model.layers.1.self_attn.o_proj.weight'],
  ['blk.1.attn_q_norm.weight', 'model.layers.1.self_attn.q_norm.weight'],
  ['blk.1.attn_k_norm.weight', 'model.layers.1.self_attn.k_norm.weight'],
  ['blk.1.ffn_norm.weight', 'model.layers.1.post_attention_layernorm.weight'],
  ['blk.1.ffn_gate.weight', 'model.layers.1.mlp.gate_proj.weight'],
  ['blk.1.ffn_up.weight', 'model.layers.1.mlp.up_proj.weight'],
  ['blk.1.ffn_down.bias', 'model.layers.1.mlp.down_proj.bias'],
  ['blk.93.ffn_gate_inp.weight', 'model.layers.93.mlp.gate.weight'],
  ['blk.93.ffn_gate_exps.weight', 'model.layers.93.mlp.experts.gate_exps'],
  ['blk.93.ffn_up_exps.weight', 'model.layers.93.mlp.experts.up_exps'],
  ['blk.93.ffn_down_exps.weight', 'model.layers.93.mlp.experts.down_exps'],
  ['blk.93.ffn_gate_up_exps.weight', 'model.layers.93.mlp.experts.gate_up_exps'],
  ['rope_freqs.weight', 'model.rotary_emb.inv_freq'],
] as const

describe('names', () => {
  test.each(names)('%s', (stored, name) => {
    expect(checkpointName(stored)).toBe(name)
  })

  test.each(names.filter(([stored]) => !/_exps|rope_freqs/.test(stored)))(
    '%s back',
    (stored, name) => {
      expect(ggufName(name)).toBe(stored)
      expect(ggufName(name.replace(/^model\./, 'model.language_model.'))).toBe(stored)
    },
  )

  test('all experts of a projection are one tensor', () => {
    for (const part of ['gate', 'up', 'down'])
      expect(ggufName(`model.layers.2.mlp.experts.31.${part}_proj.weight`)).toBe(
        `blk.2.ffn_${part}_exps.weight`,
      )
  })

  test.each([
    'blk.0.attn_qkv.weight',
    'blk.0.ffn_gate_exps.bias',
    'blk.x.attn_q.weight',
    'blk.1.attn_q',
    'blk.1.attn_q.weight.extra',
    'blk.1.constructor.weight',
    '__proto__',
    'toString',
    '',
  ])('%j is left as it is', stored => {
    expect(checkpointName(stored)).toBe(stored)
  })

  test('only llama has interleaved rows', () => {
    const q = 'model.layers.0.self_attn.q_proj.weight'
    expect(ggufLayout('llama', 64).interleavedHeadDim(q)).toBe(64)
    expect(ggufLayout('qwen3', 64).interleavedHeadDim(q)).toBe(0)
    expect(ggufLayout('llama', 64).interleavedHeadDim(q.replace('q_proj', 'o_proj'))).toBe(0)
  })
})

// The shapes that are measured, and their tensors under both formats' names.

const large = { vocabSize: 151936, numExpertsPerTok: 8, numKvHeads: 4 }

/**
 * moe-s: a small sparse model; moe-m: the shape of Qwen3-30B-A3B cut to 6 layers; tiny: nothing
 * but overhead.
 */
export const shapes = new Map([
  [
    'moe-s',
    {
      ...large,
      hidden: 1024,
      layers: 16,
      numHeads: 16,
      headDim: 64,
      experts: 64,
      expertSize: 384,
      tied: true,
    },
  ],
  [
    'moe-m',
    {
      ...large,
      hidden: 2048,
      layers: 6,
      numHeads: 32,
      headDim: 128,
      experts: 128,
      expertSize: 768,
      tied: false,
    },
  ],
  [
    'tiny',
    {
      vocabSize: 1024,
      numExpertsPerTok: 2,
      numKvHeads: 2,
      hidden: 64,
      layers: 2,
      numHeads: 4,
      headDim: 16,
      experts: 8,
      expertSize: 32,
      tied: true,
    },
  ],
])

export function configOf(s) {
  return {
    architectures: ['Qwen3MoeForCausalLM'],
    model_type: 'qwen3_moe',
    vocab_size: s.vocabSize,
    hidden_size: s.hidden,
    num_hidden_layers: s.layers,
    num_attention_heads: s.numHeads,
    num_key_value_heads: s.numKvHeads,
    head_dim: s.headDim,
    intermediate_size: s.expertSize * 4,
    moe_intermediate_size: s.expertSize,
    num_experts: s.experts,
    num_experts_per_tok: s.numExpertsPerTok,
    norm_topk_prob: true,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    tie_word_embeddings: s.tied,
    attention_bias: false,
    hidden_act: 'silu',
    max_position_embeddings: 40960,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    torch_dtype: 'bfloat16',
    bos_token_id: s.vocabSize - 1,
    eos_token_id: s.vocabSize - 1,
  }
}

/**
 * Every tensor: its safetensors name, its GGUF name, its shape and how it is drawn. Experts of a
 * layer lie one after
 * the other in one GGUF tensor: `part` is the place. Plain random weights send all tokens to the
 * same few experts
 * after two layers; large embeddings, small attention outputs and a wide router keep the routing
 * of a real model.
 */
export function tensorsOf(s) {
  const { hidden: h, layers, headDim: d, vocabSize, experts, expertSize } = s
  const matrix = (name, gguf, shape, std = 0.02) => ({ name, gguf, shape, std })
  const norm = (name, gguf, size, signs = false) => ({
    name,
    gguf,
    shape: [size],
    norm: true,
    signs,
    f32: true,
  })
  const shards = [[matrix('model.embed_tokens.weight', 'token_embd.weight', [vocabSize, h], 0.64)]]
  if (!s.tied) shards[0].push(matrix('lm_head.weight', 'output.weight', [vocabSize, h]))
  shards[0].push(norm('model.norm.weight', 'output_norm.weight', h, true))
  for (let i = 0; i < layers; i++) {
    const p = `model.layers.${i}.`
    const b = `blk.${i}.`
    const q = s.numHeads * d
    const kv = s.numKvHeads * d
    const shard = [
      norm(`${p}input_layernorm.weight`, `${b}attn_norm.weight`, h),
      norm(`${p}post_attention_layernorm.weight`, `${b}ffn_norm.weight`, h),
      norm(`${p}self_attn.q_norm.weight`, `${b}attn_q_norm.weight`, d),
      norm(`${p}self_attn.k_norm.weight`, `${b}attn_k_norm.weight`, d),
      matrix(`${p}self_attn.q_proj.weight`, `${b}attn_q.weight`, [q, h]),
      matrix(`${p}self_attn.k_proj.weight`, `${b}attn_k.weight`, [kv, h]),
      matrix(`${p}self_attn.v_proj.weight`, `${b}attn_v.weight`, [kv, h]),
      matrix(`${p}self_attn.o_proj.weight`, `${b}attn_output.weight`, [h, q], 0.0025),
      {
        ...matrix(`${p}mlp.gate.weight`, `${b}ffn_gate_inp.weight`, [experts, h], 0.05),
        f32: true,
      },
    ]
    for (let e = 0; e < experts; e++)
      for (const [kind, shape] of [
        ['gate', [expertSize, h]],
        ['up', [expertSize, h]],
        ['down', [h, expertSize]],
      ]) {
        const name = `${p}mlp.experts.${e}.${kind}_proj.weight`
        shard.push({
          ...matrix(name, `${b}ffn_${kind}_exps.weight`, shape),
          part: e,
          parts: experts,
        })
      }
    shards.push(shard)
  }
  return shards
}

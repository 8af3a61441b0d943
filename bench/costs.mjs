// Bytes and flops of a token, counted from config.json.

/**
 * What one token costs a model of this config.json, with 2-byte matrices, keys and values, and
 * routers in f32.
 * decodeBytes: what must be read for one token after `depth` others. prefillFlops: `tokens` at
 * once, without the head.
 */
export function costsOf(config, { depth = 0, tokens = 512, weightBytes = 2, kvBytes = 2 } = {}) {
  const h = config.hidden_size
  const d = config.head_dim ?? h / config.num_attention_heads
  const layers = config.num_hidden_layers
  const q = config.num_attention_heads * d
  const kv = config.num_key_value_heads * d
  const experts = config.num_experts_per_tok * 3 * h * config.moe_intermediate_size
  const matrices = layers * (h * (2 * q + 2 * kv) + experts)
  const routers = layers * h * config.num_experts
  const head = config.vocab_size * h
  const kvRead = layers * 2 * kv * depth
  // A score and a sum, each of head_dim products, for the half of the pairs that is not masked.
  const attentionFlops = layers * q * 2 * (tokens * (tokens + 1))
  return {
    decodeBytes: (matrices + head) * weightBytes + routers * 4 + kvRead * kvBytes,
    prefillFlops: 2 * (matrices + routers) * tokens + attentionFlops,
  }
}

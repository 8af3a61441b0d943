// Bytes and flops of a token, counted from config.json.

/**
 * What tokens cost a model of this config.json, with 2-byte keys and values, and routers in f32.
 * decodeBytes: what must be read for one token of each of `batch` sequences, after `depth` others;
 * experts as many as draws at random reach. prefillFlops: `tokens` at once, without the head.
 * allBytes: of all weights. kvBytesPerToken: of keys and values in all layers.
 */
export function costsOf(
  config,
  { depth = 0, tokens = 512, weightBytes = 2, kvBytes = 2, batch = 1 } = {},
) {
  const h = config.hidden_size
  const d = config.head_dim ?? h / config.num_attention_heads
  const layers = config.num_hidden_layers
  const q = config.num_attention_heads * d
  const kv = config.num_key_value_heads * d
  const expert = 3 * h * config.moe_intermediate_size
  const attention = h * (2 * q + 2 * kv)
  const matrices = layers * (attention + config.num_experts_per_tok * expert)
  const missed = (1 - config.num_experts_per_tok / config.num_experts) ** batch
  const reached = layers * (attention + config.num_experts * (1 - missed) * expert)
  const routers = layers * h * config.num_experts
  const head = config.vocab_size * h
  const kvRead = layers * 2 * kv * depth
  // A score and a sum, each of head_dim products, for the half of the pairs that is not masked.
  const attentionFlops = layers * q * 2 * (tokens * (tokens + 1))
  return {
    decodeBytes: (reached + head) * weightBytes + routers * 4 + batch * kvRead * kvBytes,
    prefillFlops: 2 * (matrices + routers) * tokens + attentionFlops,
    allBytes:
      (layers * (attention + config.num_experts * expert) +
        head * (config.tie_word_embeddings ? 1 : 2)) *
        weightBytes +
      routers * 4,
    kvBytesPerToken: layers * 2 * kv * kvBytes,
  }
}

#pragma once
// attention: causal softmax attention of each token over its own sequence's pages
//   y[t,j] = sum_p softmax_p(scale · q[t,j]·K[p,g]) V[p,g]
//           p ≤ positions[t], g = j / (num_heads / num_kv_heads)
//   shapes  q, y (num_tokens, num_heads · head_dim)   region: one layer's pages
//   types   q, y f32   K, V f32 | bf16 | i8; scores, softmax and sums in f32
//   order   keys are taken in fixed spans of positions (kAttentionSpan), each span from zero; the
//           CPU merges the spans of a chunk in order, then the chunks: the bits
//           depend on the token's own keys alone, not on page size, batch, chunking or thread count
//   cost    reads 2·len·num_kv_heads·head_dim·s bytes a sequence (bound at decode);
//           4·T·len·num_heads·head_dim flops
//   source  Vaswani et al. 2017; online softmax: Milakov & Gimelshein 2018, arXiv:1805.02867;
//           paging: Kwon et al. 2023
#include "cache/kv_cache.h"
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
inline constexpr int64_t kAttentionSpan = 128;
void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               Stream& stream);
}  // namespace conclave::ops

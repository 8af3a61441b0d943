#pragma once
// Neighbouring ops of a graph in one kernel: the bits of the two kernels, with one launch and one
// trip to memory less. The executor chooses; the graph is the same on every device.
#include "cache/kv_cache.h"
#include "core/tensor.h"
#include "cuda/stream.h"

namespace conclave::cuda {

// sum = a + b, y = rms_norm(sum): add.h and rms_norm.h with w as wide as a row. All (num_tokens,
// width) f32. sum may be a or b, y too; else nothing overlaps.
//   cost   reads a and b, writes sum and y: 16·T·H bytes, memory-bound
void add_rms_norm(Tensor sum, Tensor y, Tensor a, Tensor b, Tensor w, float eps,
                  CudaStream& stream);

// What attention reads of a token: q_out = rope(rms_norm(q)) head by head, and rope(rms_norm(k))
// and v in their pages: rms_norm.h, rope.h and store_kv.h.
struct HeadRows {
  Tensor x;  // (num_tokens, heads · head_dim) f32
  Tensor w;  // (head_dim) of the norm; without data: there is no norm
  float eps;
};
// q_out may be q.x, else nothing overlaps. inv_freq (at most head_dim / 2).
//   cost   reads q, k and v, writes q_out and the pages' values: memory-bound
void store_heads(Tensor q_out, const HeadRows& q, const HeadRows& k, Tensor v, Tensor inv_freq,
                 float scale, const KvRegion& region, const BatchView& batch, CudaStream& stream);

}  // namespace conclave::cuda

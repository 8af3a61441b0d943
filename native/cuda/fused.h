#pragma once
// Neighbouring ops of a graph in one kernel: the bits of the two kernels, with one launch and one
// trip to memory less. The executor chooses; the graph is the same on every device.
#include "core/tensor.h"
#include "cuda/stream.h"

namespace conclave::cuda {

// sum = a + b, y = rms_norm(sum): add.h and rms_norm.h with w as wide as a row. All (num_tokens,
// width) f32. sum may be a or b, y too; else nothing overlaps.
//   cost   reads a and b, writes sum and y: 16·T·H bytes, memory-bound
void add_rms_norm(Tensor sum, Tensor y, Tensor a, Tensor b, Tensor w, float eps,
                  CudaStream& stream);

// y = rope(rms_norm(x)) head by head: w is (head_dim). x, y (num_tokens, heads · head_dim) f32; y
// may be x, else they do not overlap.
//   cost   reads x, writes y: 8·T·H bytes, memory-bound
void rms_norm_rope(Tensor y, Tensor x, Tensor w, float eps, Tensor positions, Tensor inv_freq,
                   float scale, CudaStream& stream);

}  // namespace conclave::cuda

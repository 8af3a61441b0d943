#pragma once
// rms_norm: y[t,g,i] = x[t,g,i] / sqrt(mean_i(x[t,g,i]^2) + eps) * w[i]; each run of len(w) values
// is one group
//   shapes  x, y (num_tokens, groups · width)   w (width)
//           width = hidden_size, or head_dim for QK-norm
//   types   f32
//   alias   y may be x
//   order   the sum of squares is taken in one fixed order that depends on width alone
//   cost    reads x, writes y: 8·T·N bytes, memory-bound
//   source  Zhang & Sennrich 2019, arXiv:1910.07467; Qwen3RMSNorm
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void rms_norm(Tensor y, Tensor x, Tensor w, float eps, Stream& stream);
}

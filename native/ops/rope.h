#pragma once
// rope: rotates the pairs (x[i], x[i + dr/2]) of each head by the angle positions[t] * inv_freq[i]
// (rotate-half)
//   x' [i] = x[i] cos − x[i+dr/2] sin     x' [i+dr/2] = x[i+dr/2] cos + x[i] sin
//   dr = 2·len(inv_freq) ≤ head_dim; dimensions from dr on pass through
//   cos and sin are multiplied by `scale` (YaRN's attention factor, else 1)
//   shapes  x (num_tokens, num_heads · head_dim), in place
//           positions (num_tokens)   inv_freq (dr/2)
//   types   x, inv_freq f32   positions i32
//           angle, cos and sin in f64, or better than f32's 1e-6 at position 1,000,000
//   cost    reads and writes x
//   source  Su et al. 2021, arXiv:2104.09864; Peng et al. 2023 (YaRN), arXiv:2309.00071
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          Stream& stream);
}

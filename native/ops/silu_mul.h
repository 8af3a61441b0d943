#pragma once
// silu_mul: y[t,i] = gate[t,i] / (1 + exp(−gate[t,i])) · up[t,i]
//   shapes  y, gate, up (num_tokens, intermediate_size)   types f32   alias y may be gate or up
//   source  Shazeer 2020, arXiv:2002.05202
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void silu_mul(Tensor y, Tensor gate, Tensor up, Stream& stream);
}

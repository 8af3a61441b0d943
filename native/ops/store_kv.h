#pragma once
// store_kv: writes each token's key and value into its page: page_tables[s][p / page_size], offset
// p % page_size
//   shapes  k, v (num_tokens, num_kv_heads · head_dim); k after QK-norm and RoPE
//   types   k, v f32; converted to the region's dtype, round to nearest even. i8: each key and each
//   value of a head has a scale of its own, max |x| / 127; one with NaN or infinity has scale NaN.
//           Keys are turned first (cpu/hadamard.h): alone that keeps int8 from costing answers
#include "cache/kv_cache.h"
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch, Stream& stream);
}

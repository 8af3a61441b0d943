#include "ops/attention.h"

#include "core/check.h"
#include "ops/kv_check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               Stream& stream) {
  Dim T("num_tokens", batch.num_tokens), N("num_heads · head_dim");
  match("attention", "q", q, {T, N});
  match("attention", "y", y, {T, N});
  match_dtype("attention", "q", q, DType::f32);
  match_dtype("attention", "y", y, DType::f32);
  check_pages("attention", region);
  const int64_t group_values = region.num_kv_heads * region.head_dim;
  if (N.value % group_values != 0) {
    throw Error("invalid_config", "attention: q has rows of " + std::to_string(N.value) +
                                      " values, expected whole groups of " +
                                      std::to_string(region.num_kv_heads) + " heads of " +
                                      std::to_string(region.head_dim));
  }
  if (stream.kind == DeviceKind::cuda)
    return cuda::attention(y, q, region, batch, scale, on_cuda(stream));
  cpu::attention(y, q, region, batch, scale, on_cpu(stream));
}

}  // namespace conclave::ops

#include "ops/attention.h"

#include "core/check.h"
#include "ops/on_cpu.h"

namespace conclave::ops {

void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               Stream& stream) {
  Dim T("num_tokens", batch.num_tokens), N("num_heads · head_dim");
  match("attention", "q", q, {T, N});
  match("attention", "y", y, {T, N});
  match_dtype("attention", "q", q, DType::f32);
  match_dtype("attention", "y", y, DType::f32);
  const int64_t group_values = region.num_kv_heads * region.head_dim;
  if (group_values < 1 || N.value % group_values != 0 || region.head_dim > cpu::kMaxHeadDim ||
      region.page_size % cpu::kKeyGroup != 0) {
    throw Error("invalid_config", "attention: q has rows of " + std::to_string(N.value) +
                                      " values over " + std::to_string(region.num_kv_heads) +
                                      " kv heads of " + std::to_string(region.head_dim) +
                                      " in pages of " + std::to_string(region.page_size) +
                                      " positions, expected whole groups of heads of at most " +
                                      std::to_string(cpu::kMaxHeadDim) +
                                      " and pages of a multiple of " +
                                      std::to_string(cpu::kKeyGroup));
  }
  cpu::attention(y, q, region, batch, scale, on_cpu(stream));
}

}  // namespace conclave::ops

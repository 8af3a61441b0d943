#include "ops/store_kv.h"

#include "core/check.h"
#include "ops/kv_check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch, Stream& stream) {
  Dim T("num_tokens", batch.num_tokens),
      N("num_kv_heads · head_dim", region.num_kv_heads * region.head_dim);
  match("store_kv", "k", k, {T, N});
  match("store_kv", "v", v, {T, N});
  match_dtype("store_kv", "k", k, DType::f32);
  match_dtype("store_kv", "v", v, DType::f32);
  check_pages("store_kv", region);
  if (stream.kind == DeviceKind::cuda) return cuda::store_kv(region, k, v, batch, on_cuda(stream));
  cpu::store_kv(region, k, v, batch, on_cpu(stream));
}

}  // namespace conclave::ops

#include "ops/silu_mul.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void silu_mul(Tensor y, Tensor gate, Tensor up, Stream& stream) {
  Dim T("num_tokens"), I("intermediate_size");
  match("silu_mul", "gate", gate, {T, I});
  match("silu_mul", "up", up, {T, I});
  match("silu_mul", "y", y, {T, I});
  match_dtype("silu_mul", "gate", gate, DType::f32);
  match_dtype("silu_mul", "up", up, DType::f32);
  match_dtype("silu_mul", "y", y, DType::f32);
  if (stream.kind == DeviceKind::cuda) return cuda::silu_mul(y, gate, up, on_cuda(stream));
  cpu::silu_mul(y, gate, up, on_cpu(stream));
}

}  // namespace conclave::ops

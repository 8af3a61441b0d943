#include "ops/add.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void add(Tensor y, Tensor a, Tensor b, Stream& stream) {
  Dim T("num_tokens"), N("width");
  match("add", "a", a, {T, N});
  match("add", "b", b, {T, N});
  match("add", "y", y, {T, N});
  match_dtype("add", "a", a, DType::f32);
  match_dtype("add", "b", b, DType::f32);
  match_dtype("add", "y", y, DType::f32);
  if (stream.kind == DeviceKind::cuda) return cuda::add(y, a, b, on_cuda(stream));
  cpu::add(y, a, b, on_cpu(stream));
}

}  // namespace conclave::ops

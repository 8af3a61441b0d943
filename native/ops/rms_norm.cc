#include "ops/rms_norm.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void rms_norm(Tensor y, Tensor x, Tensor w, float eps, Stream& stream) {
  Dim T("num_tokens"), N("groups · width"), W("width");
  match("rms_norm", "x", x, {T, N});
  match("rms_norm", "y", y, {T, N});
  match("rms_norm", "w", w, {W});
  match_dtype("rms_norm", "x", x, DType::f32);
  match_dtype("rms_norm", "y", y, DType::f32);
  match_dtype("rms_norm", "w", w, DType::f32);
  if (W.value < 1 || N.value % W.value != 0) {
    throw Error("invalid_config", "rms_norm: x has rows of " + std::to_string(N.value) +
                                      " values, expected a multiple of the width " +
                                      std::to_string(W.value));
  }
  if (stream.kind == DeviceKind::cuda) return cuda::rms_norm(y, x, w, eps, on_cuda(stream));
  cpu::rms_norm(y, x, w, eps, on_cpu(stream));
}

}  // namespace conclave::ops

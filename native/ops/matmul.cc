#include "ops/matmul.h"

#include "ops/on_cpu.h"
#include "ops/on_cuda.h"
#include "ops/weight_check.h"

namespace conclave::ops {

void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, Stream& stream) {
  Dim T("num_tokens"), in("in_features"), out("out_features");
  match("matmul", "x", x, {T, in});
  match_weight("matmul", "W", w, out, in);
  match("matmul", "y", y, {T, out});
  match_dtype("matmul", "x", x, DType::f32);
  match_dtype("matmul", "y", y, DType::f32);
  if (bias) {
    match("matmul", "bias", bias, {out});
    match_dtype("matmul", "bias", bias, DType::f32);
  }
  if (stream.kind == DeviceKind::cuda) return cuda::matmul(y, x, w, bias, on_cuda(stream));
  cpu::matmul(y, x, w, bias, on_cpu(stream));
}

}  // namespace conclave::ops

#include "ops/gather_rows.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void gather_rows(Tensor y, Tensor x, Tensor rows, Stream& stream) {
  Dim T("num_tokens"), H("hidden_size"), R("num_rows");
  match("gather_rows", "x", x, {T, H});
  match("gather_rows", "rows", rows, {R});
  match("gather_rows", "y", y, {R, H});
  match_dtype("gather_rows", "x", x, DType::f32);
  match_dtype("gather_rows", "rows", rows, DType::i32);
  match_dtype("gather_rows", "y", y, DType::f32);
  if (stream.kind == DeviceKind::cuda) return cuda::gather_rows(y, x, rows, on_cuda(stream));
  cpu::gather_rows(y, x, rows, on_cpu(stream));
}

}  // namespace conclave::ops

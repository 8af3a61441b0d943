#include "ops/matmul.h"

#include "ops/on_cpu.h"
#include "ops/on_cuda.h"
#include "ops/weight_check.h"

namespace conclave::ops {

namespace {

void check(Tensor y, Tensor x, const Weight& w, Tensor bias) {
  Dim T("num_tokens"), in("in_features"), out("out_features");
  match("matmul", "x", x, {T, in});
  match_weight("matmul", "W", w, out, in);
  match("matmul", "y", y, {T, out});
  match_dtype("matmul", "x", x, DType::f32);
  match_dtype("matmul", "y", y, DType::f32);
  if (!bias) return;
  match("matmul", "bias", bias, {out});
  match_dtype("matmul", "bias", bias, DType::f32);
}

}  // namespace

void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, Stream& stream) {
  const Product product{y, &w, bias};
  matmul({&product, 1}, x, stream);
}

void matmul(std::span<const Product> products, Tensor x, Stream& stream) {
  for (const Product& p : products) check(p.y, x, *p.w, p.bias);
  if (x.shape[0] == 0) return;
  if (stream.kind == DeviceKind::cpu) return cpu::matmul(products, x, on_cpu(stream));
  for (const Product& p : products) cuda::matmul(p.y, x, *p.w, p.bias, on_cuda(stream));
}

}  // namespace conclave::ops

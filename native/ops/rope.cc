#include "ops/rope.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          Stream& stream) {
  Dim T("num_tokens"), N("num_heads · head_dim"), half("rotary_dim / 2");
  match("rope", "x", x, {T, N});
  match("rope", "positions", positions, {T});
  match("rope", "inv_freq", inv_freq, {half});
  match_dtype("rope", "x", x, DType::f32);
  match_dtype("rope", "positions", positions, DType::i32);
  match_dtype("rope", "inv_freq", inv_freq, DType::f32);
  if (head_dim < 1 || N.value % head_dim != 0 || 2 * half.value > head_dim) {
    throw Error("invalid_config", "rope: x has rows of " + std::to_string(N.value) +
                                      " values and inv_freq has " + std::to_string(half.value) +
                                      ", expected whole heads of " + std::to_string(head_dim) +
                                      " and at most half as many frequencies");
  }
  if (stream.kind == DeviceKind::cuda)
    return cuda::rope(x, positions, inv_freq, head_dim, scale, on_cuda(stream));
  cpu::rope(x, positions, inv_freq, head_dim, scale, on_cpu(stream));
}

}  // namespace conclave::ops

#include <cmath>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::silu_mul(float* y, const float* gate, const float* up, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

void silu_mul(Tensor y, Tensor gate, Tensor up, CpuStream& stream) {
  const int64_t n = y.shape.elements();
  for_each_range(stream.pool, n, 4096, n, [&](int64_t begin, int64_t end) {
    stream.kernels.silu_mul(y.f32() + begin, gate.f32() + begin, up.f32() + begin, end - begin);
  });
}

}  // namespace conclave::cpu

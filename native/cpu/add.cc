#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::add(float* y, const float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void add(Tensor y, Tensor a, Tensor b, CpuStream& stream) {
  const int64_t n = y.shape.elements();
  for_each_range(stream.pool, n, 16384, n / 4, [&](int64_t begin, int64_t end) {
    stream.kernels.add(y.f32() + begin, a.f32() + begin, b.f32() + begin, end - begin);
  });
}

}  // namespace conclave::cpu

#include <cmath>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::rms_norm(float* y, const float* x, const float* w, int64_t n, float eps) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  const float r = 1 / std::sqrt(sum / static_cast<float>(n) + eps);
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
}

void rms_norm(Tensor y, Tensor x, Tensor w, float eps, CpuStream& stream) {
  const int64_t width = w.shape.elements();
  const int64_t num_rows = x.shape.elements() / width;
  const int64_t grain = 1 + 8192 / width;
  for_each_range(
      stream.pool, num_rows, grain, x.shape.elements() / 4, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
          stream.kernels.rms_norm(y.f32() + r * width, x.f32() + r * width, w.f32(), width, eps);
        }
      });
}

}  // namespace conclave::cpu

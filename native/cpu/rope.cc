#include <cmath>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::rope(float* x, const float* cos, const float* sin, int64_t half) {
  for (int64_t i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    x[i] = a * cos[i] - b * sin[i];
    x[i + half] = b * cos[i] + a * sin[i];
  }
}

void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          CpuStream& stream) {
  const int64_t num_tokens = x.shape[0], row = x.shape[1], half = inv_freq.shape[0];
  float* angles = static_cast<float*>(
      stream.scratch(0, stream.pool.num_threads() * 2 * half * int64_t{sizeof(float)}));
  const int64_t cost_ns = num_tokens * (40 * half + row / 4);
  for_each_task(stream.pool, num_tokens, cost_ns, [&](int64_t t, int thread) {
    float* cos = angles + thread * 2 * half;
    float* sin = cos + half;
    for (int64_t i = 0; i < half; i++) {
      const double angle =
          static_cast<double>(positions.i32()[t]) * static_cast<double>(inv_freq.f32()[i]);
      cos[i] = static_cast<float>(std::cos(angle)) * scale;
      sin[i] = static_cast<float>(std::sin(angle)) * scale;
    }
    for (int64_t h = 0; h < row; h += head_dim) {
      stream.kernels.rope(x.f32() + t * row + h, cos, sin, half);
    }
  });
}

}  // namespace conclave::cpu

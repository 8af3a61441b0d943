#include <algorithm>
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

namespace {

// The angles of these positions, computed where the last ones were others.
const float* angles_of(Tensor positions, Tensor inv_freq, float scale, CpuStream& stream) {
  RopeAngles& kept = stream.angles;
  const int64_t num_tokens = positions.shape[0], half = inv_freq.shape[0];
  const int32_t* at = positions.i32();
  const float* freq = inv_freq.f32();
  float* values = reinterpret_cast<float*>(kept.values.data());
  if (std::equal(kept.positions.begin(), kept.positions.end(), at, at + num_tokens) &&
      std::equal(kept.inv_freq.begin(), kept.inv_freq.end(), freq, freq + half) &&
      kept.scale == scale)
    return values;
  kept.positions.clear();  // an error below leaves none
  const int64_t bytes = num_tokens * 2 * half * int64_t{sizeof(float)};
  if (bytes > kept.values.size()) kept.values = AlignedBytes(bytes);
  values = reinterpret_cast<float*>(kept.values.data());
  for_each_range(
      stream.pool, num_tokens, 16, num_tokens * 40 * half, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; t++) {
          float* cos = values + t * 2 * half;
          for (int64_t i = 0; i < half; i++) {
            const double angle = static_cast<double>(at[t]) * static_cast<double>(freq[i]);
            cos[i] = static_cast<float>(std::cos(angle)) * scale;
            cos[half + i] = static_cast<float>(std::sin(angle)) * scale;
          }
        }
      });
  kept.inv_freq.assign(freq, freq + half);
  kept.scale = scale;
  kept.positions.assign(at, at + num_tokens);
  return values;
}

}  // namespace

void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          CpuStream& stream) {
  const int64_t num_tokens = x.shape[0], row = x.shape[1], half = inv_freq.shape[0];
  const float* angles = angles_of(positions, inv_freq, scale, stream);
  const int64_t grain = 1 + 16384 / row;
  for_each_range(stream.pool, num_tokens, grain, num_tokens * row / 4,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t t = begin; t < end; t++) {
                     const float* cos = angles + t * 2 * half;
                     for (int64_t h = 0; h < row; h += head_dim) {
                       stream.kernels.rope(x.f32() + t * row + h, cos, cos + half, half);
                     }
                   }
                 });
}

}  // namespace conclave::cpu

#pragma once
// The parts of an RMS norm of one row: threads first, first + step, … take its values.
#include "cuda/device/reduce.h"

namespace conclave::cuda {

// Rows of at most so many values are a warp's, longer ones a block's.
constexpr int64_t kNormWarpWidth = 1024;

__device__ __forceinline__ float sum_of_squares(const float* x, int64_t width, int first,
                                                int step) {
  float sum = 0;
  for (int64_t i = first; i < width; i += step) sum += x[i] * x[i];
  return sum;
}

__device__ __forceinline__ float norm_factor(float sum, int64_t width, float eps) {
  return 1.0f / sqrtf(sum / static_cast<float>(width) + eps);
}

__device__ __forceinline__ void scale_row(float* y, const float* x, const float* w, int64_t width,
                                          float sum, float eps, int first, int step) {
  const float r = norm_factor(sum, width, eps);
  for (int64_t i = first; i < width; i += step) y[i] = x[i] * r * w[i];
}

}  // namespace conclave::cuda

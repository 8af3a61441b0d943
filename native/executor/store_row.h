#pragma once
// One row of f32 → the number format of a kernel or a file.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/dtype.h"

namespace conclave::executor {

// Symmetric: scale = max |x| / 127, q = round(x / scale). A row of zeros, or too small to divide
// by, has scale 0; one with NaN or infinity has scale NaN, so that its answers are not mistaken for
// numbers.
inline void quantise_row(int8_t* q, float* scale, const float* x, int64_t cols) {
  float amax = 0;
  bool finite = true;
  for (int64_t c = 0; c < cols; c++) {
    amax = std::max(amax, std::fabs(x[c]));
    finite = finite && std::isfinite(x[c]);
  }
  const float inverse = 127.0f / amax;
  if (!finite || !std::isfinite(inverse)) {
    *scale = finite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    std::fill(q, q + cols, int8_t{0});
    return;
  }
  *scale = amax / 127.0f;
  for (int64_t c = 0; c < cols; c++) {
    q[c] = static_cast<int8_t>(std::clamp(std::nearbyint(x[c] * inverse), -127.0f, 127.0f));
  }
}

// Writes x (cols) as dtype; `scale` is written for i8 alone.
inline void store_row(std::byte* target, float* scale, DType dtype, const float* x, int64_t cols) {
  uint16_t* halves = reinterpret_cast<uint16_t*>(target);
  switch (dtype) {
    case DType::i8: return quantise_row(reinterpret_cast<int8_t*>(target), scale, x, cols);
    case DType::bf16:
      for (int64_t c = 0; c < cols; c++) halves[c] = f32_to_bf16(x[c]);
      return;
    case DType::f16:
      for (int64_t c = 0; c < cols; c++) halves[c] = f32_to_f16(x[c]);
      return;
    default: std::memcpy(target, x, static_cast<size_t>(cols) * sizeof(float));
  }
}

}  // namespace conclave::executor

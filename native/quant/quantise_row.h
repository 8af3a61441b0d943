#pragma once
// A row of f32 → int8 with one scale.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace conclave::quant {

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

}  // namespace conclave::quant

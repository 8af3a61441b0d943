#pragma once
// f32 → q8_0 (drawn in block_32.h), rounded as ggml rounds: the scale is amax / 127, the elements
// are divided by it before it is rounded to f16, and halves go away from zero. NaN becomes 0.
#include <algorithm>
#include <cmath>

#include "quant/load_bytes.h"

namespace conclave::quant {

// 34 bytes for each 32 of the n values; n is a multiple of 32.
inline void pack_q8_0(std::byte* blocks, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 32, blocks += 34) {
    float amax = 0;
    for (int j = 0; j < 32; j++) amax = std::max(amax, std::fabs(x[i + j]));
    const float d = amax / 127.0f;
    // A scale without a finite inverse is 0 as f16, so its elements are 0 whatever they were.
    const float inverse = std::isfinite(1.0f / d) ? 1.0f / d : 0.0f;
    const uint16_t scale = f32_to_f16(d);
    std::memcpy(blocks, &scale, 2);
    for (int j = 0; j < 32; j++) {
      const float q = std::round(x[i + j] * inverse);
      const float bounded = std::isnan(q) ? 0.0f : std::clamp(q, -127.0f, 127.0f);
      blocks[2 + j] = static_cast<std::byte>(static_cast<int8_t>(bounded));
    }
  }
}

}  // namespace conclave::quant

#pragma once
// Keys have a few dimensions that are far larger than the rest; with one int8 scale a key these
// would take the steps from all others. Turned by a Hadamard matrix, every dimension has a share of
// them, and scores stay what they were: (H q / n) · (H k) = q · k.
#include <cstdint>

namespace conclave::cpu {

// x ← H x, in place, unscaled: butterflies over blocks of the largest power of two n that divides
// head_dim. Returns n.
inline int64_t hadamard(float* x, int64_t head_dim) {
  const int64_t n = head_dim & -head_dim;
  for (int64_t half = 1; half < n; half *= 2) {
    for (int64_t block = 0; block < head_dim; block += 2 * half) {
      float *low = x + block, *high = low + half;
      for (int64_t i = 0; i < half; i++) {
        const float sum = low[i] + high[i], difference = low[i] - high[i];
        low[i] = sum;
        high[i] = difference;
      }
    }
  }
  return n;
}

// Queries that meet turned keys. Dividing by a power of two is exact.
inline void turn_query(float* q, int64_t head_dim) {
  const float inverse = 1.0f / static_cast<float>(hadamard(q, head_dim));
  for (int64_t d = 0; d < head_dim; d++) q[d] *= inverse;
}

}  // namespace conclave::cpu

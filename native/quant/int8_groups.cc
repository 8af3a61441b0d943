#include "quant/int8_groups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/dtype.h"

namespace conclave::quant {
namespace {

constexpr int kTries = 40;
constexpr std::array<float, kTries> kFactors = [] {
  std::array<float, kTries> factors{};
  for (int t = 0; t < kTries; t++) factors[static_cast<size_t>(t)] = static_cast<float>(127 - t);
  return factors;
}();

// Nearest even for |x| < 2^22, without a call.
inline float round_small(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 · 2^23
  return (x + kShift) - kShift;
}

// Sums for every factor, side by side: compilers keep them in vectors, and each sum has one order.
struct Tries {
  float xq[kTries], qq[kTries];
};

// x ≈ q · scale with q = round(x · factor): x·q and q·q.
inline void add_products(Tries& sums, float x) {
  for (int t = 0; t < kTries; t++) {
    const float q = round_small(x * kFactors[static_cast<size_t>(t)]);
    sums.xq[t] += x * q;
    sums.qq[t] += q * q;
  }
}

// The scale of a group that leaves the least squares; 0 where it is too small to divide by.
float best_scale(const float* x, int64_t count) {
  float max = 0;
  for (int64_t c = 0; c < count; c++) max = std::max(max, std::fabs(x[c]));
  const float inverse = 1 / max;
  if (!std::isfinite(inverse)) return 0;
  Tries sums{};
  for (int64_t c = 0; c < count; c++) add_products(sums, x[c] * inverse);
  float best = 0, gain = 0;
  for (int t = 0; t < kTries; t++) {
    // sum (x − s·q)² is least at s = xq / qq, and then sum x² − xq² / qq.
    const float scale = sums.qq[t] > 0 ? sums.xq[t] / sums.qq[t] : 0;
    if (scale * sums.xq[t] <= gain) continue;
    gain = scale * sums.xq[t];
    best = scale * max;
  }
  return best;
}

// Scales of a row → f16 numbers below 1 times one power of two. What is zero gets the largest.
void round_scales(float* scales, int64_t count) {
  const float max = *std::max_element(scales, scales + count);
  int exponent = 0;
  std::frexp(max, &exponent);
  const float power = std::ldexp(1.0f, std::max(exponent, -126));
  float largest = 0;
  for (int64_t g = 0; g < count; g++) {
    scales[g] = f16_to_f32(f32_to_f16(scales[g] / power)) * power;
    if (!std::isfinite(1 / scales[g])) scales[g] = 0;
    largest = std::max(largest, scales[g]);
  }
  std::replace(scales, scales + count, 0.0f, largest > 0 ? largest : 1.0f);
}

}  // namespace

void quantise_groups(int8_t* q, float* scales, const float* x, int64_t cols, int64_t group) {
  const int64_t num_groups = (cols + group - 1) / group;
  if (!std::all_of(x, x + cols, [](float v) { return std::isfinite(v); })) {
    std::fill(q, q + cols, int8_t{0});
    std::fill(scales, scales + num_groups, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  for (int64_t g = 0; g < num_groups; g++) {
    scales[g] = best_scale(x + g * group, std::min(group, cols - g * group));
  }
  round_scales(scales, num_groups);
  for (int64_t g = 0; g < num_groups; g++) {
    const int64_t end = std::min(cols, (g + 1) * group);
    for (int64_t c = g * group; c < end; c++) {
      const float value = round_small(x[c] / scales[g]);
      q[c] = static_cast<int8_t>(std::clamp(value, -127.0f, 127.0f));
    }
  }
}

}  // namespace conclave::quant

#include "quant/int8_groups.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/dtype.h"

namespace conclave::quant {
namespace {

// Nearest even for |x| < 2^22, without a call.
inline float round_small(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 · 2^23
  return (x + kShift) - kShift;
}

// Of |x|; NaN is above infinity, as their bits are.
float largest(const float* x, int64_t n) {
  int32_t bits = 0;
  for (int64_t c = 0; c < n; c++) bits = std::max(bits, std::bit_cast<int32_t>(x[c]) & 0x7fffffff);
  return std::bit_cast<float>(bits);
}

// The scale of a group that leaves the least squares; 0 where it is too small to divide by.
// `max` is the largest |x|.
float best_scale(const float* x, int64_t count, float max, TryScales tries) {
  const float inverse = 1 / max;
  if (!std::isfinite(inverse)) return 0;
  float xq[kScaleTries], qq[kScaleTries];
  tries(xq, qq, x, count, inverse);
  // sum (x − s·q)² is least at s = xq / qq, and then sum x² − xq² / qq. The largest x is 88 steps
  // or more, so that no qq is 0.
  float scale[kScaleTries], gain[kScaleTries];
  for (int t = 0; t < kScaleTries; t++) {
    scale[t] = xq[t] / qq[t];
    gain[t] = scale[t] * xq[t];
  }
  const float most = largest(gain, kScaleTries);
  return scale[std::find(gain, gain + kScaleTries, most) - gain] * max;
}

// Scales of a row → f16 numbers below 1 times one power of two. What is zero gets the largest.
void round_scales(float* scales, int64_t count) {
  const float max = *std::max_element(scales, scales + count);
  int exponent = 0;
  std::frexp(max, &exponent);
  const float power = std::ldexp(1.0f, std::max(exponent, -126));
  float most = 0;
  for (int64_t g = 0; g < count; g++) {
    scales[g] = f16_to_f32(f32_to_f16(scales[g] / power)) * power;
    if (!std::isfinite(1 / scales[g])) scales[g] = 0;
    most = std::max(most, scales[g]);
  }
  std::replace(scales, scales + count, 0.0f, most > 0 ? most : 1.0f);
}

}  // namespace

void try_scales(float* xq, float* qq, const float* x, int64_t n, float factor) {
  std::fill(xq, xq + kScaleTries, 0.0f);
  std::fill(qq, qq + kScaleTries, 0.0f);
  for (int64_t c = 0; c < n; c++) {
    const float unit = x[c] * factor;
    for (int t = 0; t < kScaleTries; t++) {
      const float q = round_small(unit * kTriedLevels.at[t]);
      xq[t] += unit * q;
      qq[t] += q * q;
    }
  }
}

void quantise_groups(int8_t* q, float* scales, const float* x, int64_t cols, int64_t group,
                     TryScales tries) {
  const int64_t num_groups = (cols + group - 1) / group;
  const auto columns = [&](int64_t g) { return std::min(group, cols - g * group); };
  for (int64_t g = 0; g < num_groups; g++) scales[g] = largest(x + g * group, columns(g));
  if (!std::isfinite(largest(scales, num_groups))) {
    std::fill(q, q + cols, int8_t{0});
    std::fill(scales, scales + num_groups, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  for (int64_t g = 0; g < num_groups; g++) {
    scales[g] = best_scale(x + g * group, columns(g), scales[g], tries);
  }
  round_scales(scales, num_groups);
  for (int64_t g = 0; g < num_groups; g++) {
    const int64_t end = std::min(cols, (g + 1) * group);
    for (int64_t c = g * group; c < end; c++) {
      const auto value = static_cast<int32_t>(round_small(x[c] / scales[g]));
      q[c] = static_cast<int8_t>(std::clamp(value, -127, 127));
    }
  }
}

}  // namespace conclave::quant

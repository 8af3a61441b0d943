#include "quant/int8_groups.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/dtype.h"

namespace conclave::quant {
namespace {

// Groups side by side: each sum runs over one group alone, in the order of its columns, whatever
// the compiler makes of the lanes.
constexpr int64_t kLanes = 16;
constexpr int kTries = 40;

struct Lanes {
  float at[kLanes];
};

// Nearest even for |x| < 2^22, without a call.
inline float round_small(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 · 2^23
  return (x + kShift) - kShift;
}

// x ≈ q · scale with q = round(x · factor): sums of x·q and q·q.
void add_products(Lanes& xq, Lanes& qq, const Lanes& x, float factor) {
  for (int64_t l = 0; l < kLanes; l++) {
    const float q = round_small(x.at[l] * factor);
    xq.at[l] += x.at[l] * q;
    qq.at[l] += q * q;
  }
}

// Up to kLanes groups, column by column: each group's values over its largest; absent ones are
// zero.
struct Strip {
  Lanes max;
  std::vector<Lanes> columns;
};

// Of each lane's group the scale that leaves the least squares.
Lanes best_scales(const Strip& strip) {
  Lanes best{}, gain{};
  for (int t = 0; t < kTries; t++) {
    Lanes xq{}, qq{};
    for (const Lanes& column : strip.columns) {
      add_products(xq, qq, column, static_cast<float>(127 - t));
    }
    // sum (x − s·q)² is least at s = xq / qq, and then sum x² − xq² / qq.
    for (int64_t l = 0; l < kLanes; l++) {
      const float scale = qq.at[l] > 0 ? xq.at[l] / qq.at[l] : 0;
      const bool better = scale * xq.at[l] > gain.at[l];
      gain.at[l] = better ? scale * xq.at[l] : gain.at[l];
      best.at[l] = better ? scale * strip.max.at[l] : best.at[l];
    }
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

void fill_strip(Strip& strip, const float* x, int64_t cols) {
  const int64_t group = static_cast<int64_t>(strip.columns.size());
  const int64_t count = std::min(cols, kLanes * group);
  strip.max = {};
  std::fill(strip.columns.begin(), strip.columns.end(), Lanes{});
  for (int64_t c = 0; c < count; c++) {
    strip.max.at[c / group] = std::max(strip.max.at[c / group], std::fabs(x[c]));
  }
  for (int64_t c = 0; c < count; c++) {
    const float inverse = 1 / strip.max.at[c / group];
    strip.columns[static_cast<size_t>(c % group)].at[c / group] =
        std::isfinite(inverse) ? x[c] * inverse : 0;
  }
}

}  // namespace

void quantise_groups(int8_t* q, float* scales, const float* x, int64_t cols, int64_t group) {
  const int64_t num_groups = (cols + group - 1) / group;
  if (!std::all_of(x, x + cols, [](float v) { return std::isfinite(v); })) {
    std::fill(q, q + cols, int8_t{0});
    std::fill(scales, scales + num_groups, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  Strip strip{{}, std::vector<Lanes>(static_cast<size_t>(group))};
  for (int64_t g = 0; g < num_groups; g += kLanes) {
    fill_strip(strip, x + g * group, cols - g * group);
    const Lanes best = best_scales(strip);
    std::copy(best.at, best.at + std::min(kLanes, num_groups - g), scales + g);
  }
  round_scales(scales, num_groups);
  for (int64_t c = 0; c < cols; c++) {
    const float value = std::nearbyint(x[c] / scales[c / group]);
    q[c] = static_cast<int8_t>(std::clamp(value, -127.0f, 127.0f));
  }
}

}  // namespace conclave::quant

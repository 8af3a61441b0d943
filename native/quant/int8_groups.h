#pragma once
// Rows of f32 → int8 with a scale for each group of columns: what `weights: 'int8'` holds, and what
// `conclave quantize` writes.
#include <cstdint>

namespace conclave::quant {

// Scales that are tried for a group: its largest value over 127, 126, … 88.
inline constexpr int kScaleTries = 40;
struct TriedLevels {
  float at[kScaleTries];
};
inline constexpr TriedLevels kTriedLevels = [] {
  TriedLevels levels{};
  for (int t = 0; t < kScaleTries; t++) levels.at[t] = static_cast<float>(127 - t);
  return levels;
}();

// u = x · factor and q = round(u · kTriedLevels.at[t]), nearest even:  xq[t] = sum u · q,  qq[t] =
// sum q · q, both added in the order of x, every product rounded before it is added.
//   xq, qq (kScaleTries)   x (n), |u| ≤ 1
using TryScales = void (*)(float* xq, float* qq, const float* x, int64_t n, float factor);
void try_scales(float* xq, float* qq, const float* x, int64_t n, float factor);

// x ≈ q · scale. Scales are the best of 40 in the sense of squares, from max |x| / 127 up: values
// that come from few levels, as those of 4-bit files do, are met exactly where int8 can. Within a
// row all scales are f16 numbers times one power of two, and above zero: a group of zeros, or too
// small to divide by, has the largest of its row, or 1. A row with NaN or infinity has NaN scales,
// so that its answers are not mistaken for numbers. Depends on the row alone, bit for bit.
// `tries`: try_scales, or a version of it that gives the same bits sooner.
//   q (cols)   scales (ceil(cols / group))   x (cols)
void quantise_groups(int8_t* q, float* scales, const float* x, int64_t cols, int64_t group,
                     TryScales tries = try_scales);

}  // namespace conclave::quant

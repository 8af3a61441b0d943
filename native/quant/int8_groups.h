#pragma once
// Rows of f32 → int8 with a scale for each group of columns: what `weights: 'int8'` holds, and what
// `conclave quantize` writes.
#include <cstdint>

namespace conclave::quant {

// x ≈ q · scale. Scales are the best of 40 in the sense of squares, from max |x| / 127 up: values
// that come from few levels, as those of 4-bit files do, are met exactly where int8 can. Within a
// row all scales are f16 numbers times one power of two, and above zero: a group of zeros, or too
// small to divide by, has the largest of its row, or 1. A row with NaN or infinity has NaN scales,
// so that its answers are not mistaken for numbers. Depends on the row alone, bit for bit.
//   q (cols)   scales (ceil(cols / group))   x (cols)
void quantise_groups(int8_t* q, float* scales, const float* x, int64_t cols, int64_t group);

}  // namespace conclave::quant

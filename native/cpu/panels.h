#pragma once
// Int8 matrices in the order in which their kernels stream them, and the activations they take.
//
//   matrix   | panel | panel | …       16 rows each, all their columns
//   panel    | block | block | …       64 columns each
//   block    | 16 lines of values | 32 scales as f16 |                                1,088 bytes
//   line i   columns 4i … 4i+3 of row 0, of row 1, …; a byte is the value + 128
//   scales   of columns 0–31 for each row, then of columns 32–63
//
// W[r,c] = (byte − 128) · scale · row_scale[r]. Rows and columns that only fill up are zero.
//
// Activations come in groups of 32 columns that share a scale, whole blocks of two groups:
//
//   group    | 32 values | f32 scale | i32 −128 · sum of the values |
//
// A value is an int16. Each 4 columns are in the order that the kernel set likes, or the high bytes
// of all 32 come before the low ones: whoever fills a row and whoever multiplies it are of the same
// set.
#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"

namespace conclave::cpu {

inline constexpr int64_t kScalesAt = kPanelRows * kBlockCols;
inline constexpr int64_t kBlockBytes = kScalesAt + 2 * kPanelRows * int64_t{sizeof(uint16_t)};
inline constexpr int64_t kGroupTail = 8;  // bytes of scale and sum
inline constexpr int64_t kGroupBytes = kGroupCols * int64_t{sizeof(int16_t)} + kGroupTail;

// The largest activation of a group as an int16: 256 · high + low of two signed bytes reaches it.
inline constexpr int kLevels = 127 * 256 + 127;

constexpr int64_t blocks_of(int64_t cols) { return (cols + kBlockCols - 1) / kBlockCols; }
constexpr int64_t groups_of(int64_t cols) { return (cols + kGroupCols - 1) / kGroupCols; }
constexpr int64_t panel_bytes(int64_t cols) { return blocks_of(cols) * kBlockBytes; }
constexpr int64_t panels_of(int64_t rows) { return (rows + kPanelRows - 1) / kPanelRows; }

// Sixteen rows to be packed.
struct PanelRows {
  const int8_t* values;  // (num_rows, cols)
  const float* scales;   // (num_rows, ceil(cols / 32))
  int64_t num_rows, cols;
};

// Fills one panel and its row scales. A row's scales are divided by a power of two, or by their
// common value, so that f16 holds what formats of files hold without rounding.
void pack_panel(std::byte* panel, float* row_scales, const PanelRows& rows);

// The same of sixteen rows of q8_0 blocks, without a way over f32: `rows` (16) are where they
// begin, `cols` a multiple of 32. False where only pack_panel can do it: a scale is not above zero
// and finite, or so far below the largest of its row that its f16 would lose bits.
bool pack_q8_0_panel(std::byte* panel, float* row_scales, const std::byte* const* rows,
                     int64_t cols);

// y (cols) = one row of a matrix in panels.
void unpack_row(float* y, const std::byte* panels, const float* row_scales, int64_t row,
                int64_t cols);

}  // namespace conclave::cpu

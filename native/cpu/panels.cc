#include "cpu/panels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dtype.h"

namespace conclave::cpu {
namespace {

constexpr int64_t kLineCols = 4, kLineBytes = kPanelRows * kLineCols;

// What the scales of a row are divided by before they become f16.
float row_scale_of(const float* scales, int64_t num_groups) {
  float max = 0;
  bool equal = true;
  for (int64_t g = 0; g < num_groups; g++) {
    if (!std::isfinite(scales[g])) return scales[g];
    max = std::max(max, scales[g]);
    equal = equal && scales[g] == scales[0];
  }
  if (equal || max == 0) return max;
  // Largest scale in [0.5, 1), or as near as an f32 divisor comes.
  int exponent;
  std::frexp(max, &exponent);
  return std::ldexp(1.0f, std::max(exponent, -126));
}

uint16_t block_scale(float scale, float row_scale) {
  if (!std::isfinite(row_scale)) return f32_to_f16(1);  // NaN · 1 spoils the row, as it must
  return row_scale == 0 ? uint16_t{0} : f32_to_f16(scale / row_scale);
}

// Lines are written one after the other, whole: the memory is new, and a line that is filled in two
// goes comes from it twice.
void put_lines(std::byte* block, const PanelRows& rows, int64_t first_col) {
  const int64_t cols = std::min(kBlockCols, rows.cols - first_col);
  for (int64_t c = 0; c < kBlockCols; c += kLineCols) {
    const int8_t* values = rows.values + first_col + c;
    const int64_t count = std::min(kLineCols, cols - c);
    uint32_t line[kPanelRows] = {};
    if (count == kLineCols && rows.num_rows == kPanelRows) {
      for (int64_t r = 0; r < kPanelRows; r++) {
        std::memcpy(&line[r], values + r * rows.cols, sizeof(uint32_t));
      }
    } else if (count > 0) {
      for (int64_t r = 0; r < rows.num_rows; r++) {
        std::memcpy(&line[r], values + r * rows.cols, static_cast<size_t>(count));
      }
    }
    for (uint32_t& four : line) four ^= 0x80808080u;
    std::memcpy(block + c / kLineCols * kLineBytes, line, sizeof(line));
  }
}

}  // namespace

void pack_panel(std::byte* panel, float* row_scales, const PanelRows& rows) {
  const int64_t num_groups = groups_of(rows.cols);
  for (int64_t r = 0; r < rows.num_rows; r++) {
    row_scales[r] = row_scale_of(rows.scales + r * num_groups, num_groups);
  }
  for (int64_t b = 0; b < blocks_of(rows.cols); b++) {
    std::byte* block = panel + b * kBlockBytes;
    put_lines(block, rows, b * kBlockCols);
    uint16_t scales[2][kPanelRows] = {};
    for (int64_t g = 2 * b; g < std::min(2 * b + 2, num_groups); g++) {
      for (int64_t r = 0; r < rows.num_rows; r++) {
        scales[g % 2][r] = block_scale(rows.scales[r * num_groups + g], row_scales[r]);
      }
    }
    std::memcpy(block + kScalesAt, scales, sizeof(scales));
  }
}

void unpack_row(float* y, const std::byte* panels, const float* row_scales, int64_t row,
                int64_t cols) {
  const std::byte* panel = panels + row / kPanelRows * panel_bytes(cols);
  const int64_t r = row % kPanelRows;
  for (int64_t first = 0; first < cols; first += kGroupCols) {
    const std::byte* block = panel + first / kBlockCols * kBlockBytes;
    const int64_t half = first % kBlockCols / kGroupCols;
    uint16_t bits;
    std::memcpy(&bits, block + kScalesAt + (half * kPanelRows + r) * 2, sizeof(bits));
    const float scale = f16_to_f32(bits) * row_scales[row];
    const std::byte* line = block + half * kGroupCols / kLineCols * kLineBytes + r * kLineCols;
    const int64_t count = std::min(kGroupCols, cols - first);
    for (int64_t i = 0; i < count; i++) {
      const int value = std::to_integer<int>(line[i / kLineCols * kLineBytes + i % kLineCols]);
      y[first + i] = static_cast<float>(value - 128) * scale;
    }
  }
}

}  // namespace conclave::cpu

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

// Four values of a row, or the last of them, each + 128.
void put_line(std::byte* at, const int8_t* values, int64_t count) {
  uint32_t four = 0;
  if (count == kLineCols) std::memcpy(&four, values, sizeof(four));
  else std::memcpy(&four, values, static_cast<size_t>(count));
  four ^= 0x80808080u;
  std::memcpy(at, &four, sizeof(four));
}

void put(std::byte* at, uint16_t half) { std::memcpy(at, &half, sizeof(half)); }

}  // namespace

void pack_panel(std::byte* panel, float* row_scales, const PanelRows& rows) {
  const int64_t num_blocks = blocks_of(rows.cols);
  const int64_t num_groups = (rows.cols + kGroupCols - 1) / kGroupCols;
  for (int64_t b = 0; b < num_blocks; b++) {
    std::byte* block = panel + b * kBlockBytes;
    std::fill(block, block + kScalesAt, std::byte{128});
    std::fill(block + kScalesAt, block + kBlockBytes, std::byte{0});
  }
  for (int64_t r = 0; r < rows.num_rows; r++) {
    const int8_t* values = rows.values + r * rows.cols;
    const float* scales = rows.scales + r * num_groups;
    row_scales[r] = row_scale_of(scales, num_groups);
    for (int64_t c = 0; c < rows.cols; c += kLineCols) {
      std::byte* block = panel + c / kBlockCols * kBlockBytes;
      std::byte* at = block + c % kBlockCols / kLineCols * kLineBytes + r * kLineCols;
      put_line(at, values + c, std::min(kLineCols, rows.cols - c));
    }
    for (int64_t g = 0; g < num_groups; g++) {
      std::byte* at = panel + g / 2 * kBlockBytes + kScalesAt + (g % 2 * kPanelRows + r) * 2;
      put(at, block_scale(scales[g], row_scales[r]));
    }
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

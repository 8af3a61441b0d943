#include "cpu/panels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dtype.h"
#include "cpu/fetch.h"
#include "quant/load_bytes.h"

namespace conclave::cpu {
namespace {

using quant::load;

constexpr int64_t kLineCols = 4, kLineBytes = kPanelRows * kLineCols;
constexpr int64_t kGroupLines = kGroupCols / kLineCols, kHalfBytes = kGroupLines * kLineBytes;
constexpr int64_t kWriteAhead = 2 * kBlockBytes;
constexpr uint32_t kPlus128 = 0x80808080u;  // of four values at once

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
    for (uint32_t& four : line) four ^= kPlus128;
    std::memcpy(block + c / kLineCols * kLineBytes, line, sizeof(line));
  }
}

constexpr DTypeBlock kStored = dtype_block(DType::q8_0);
constexpr int64_t kStoredValuesAt = 2;
static_assert(kStored.elements == kGroupCols);

constexpr uint16_t kF16One = 0x3c00, kF16Normal = 0x0400, kF16Infinity = 0x7c00;
constexpr int kF16MantissaBits = 10, kF16HalfExponent = 14;  // of [0.5, 1)

// row_scale_of a row of blocks, and what is taken from the bits of each of its scales to divide it
// by that: the step from one power of two to the next is one of the exponent.
bool row_scale_of_blocks(float* row_scale, uint16_t* minus, const std::byte* row, int64_t cols) {
  uint16_t min = kF16Infinity, max = 0;
  for (int64_t g = 0; g < cols / kGroupCols; g++) {
    const auto bits = load<uint16_t>(row + g * kStored.bytes);
    min = std::min(min, bits);
    max = std::max(max, bits);
  }
  if (min == 0 || max >= kF16Infinity) return false;
  if (min == max) {
    *row_scale = f16_to_f32(max);
    *minus = static_cast<uint16_t>(max - kF16One);
    return true;
  }
  const int exponent = (max >> kF16MantissaBits) - kF16HalfExponent;
  const int down = exponent * (1 << kF16MantissaBits);
  if (min < kF16Normal || min - down < kF16Normal) return false;
  *row_scale = std::ldexp(1.0f, exponent);
  *minus = static_cast<uint16_t>(down);
  return true;
}

}  // namespace

bool pack_q8_0_panel(std::byte* panel, float* row_scales, const std::byte* const* rows,
                     int64_t cols) {
  uint16_t minus[kPanelRows];
  for (int64_t r = 0; r < kPanelRows; r++) {
    if (!row_scale_of_blocks(row_scales + r, minus + r, rows[r], cols)) return false;
  }
  const int64_t num_groups = cols / kGroupCols;
  // The panel behind this one, in most files.
  const std::byte* next_rows = rows[kPanelRows - 1] + num_groups * kStored.bytes;
  for (int64_t g = 0; g < num_groups; g++) {
    std::byte* block = panel + g / 2 * kBlockBytes;
    std::byte* lines = block + g % 2 * kHalfBytes;
    // Two rows at a time, straight to their place: sixteen single ones would be gathered on the
    // stack, and read from there before they arrive.
    for (int64_t i = 0; i < kGroupLines; i++) {
      const int64_t at = g * kStored.bytes + kStoredValuesAt + i * kLineCols;
      fetch(next_rows + (g * kGroupLines + i) * kPanelRows * kStored.bytes / kGroupLines);
      fetch_to_write(lines + i * kLineBytes + kWriteAhead);
      for (int64_t r = 0; r < kPanelRows; r += 2) {
        const uint64_t even = load<uint32_t>(rows[r] + at), odd = load<uint32_t>(rows[r + 1] + at);
        const uint64_t both = (even | odd << 32) ^ (kPlus128 | uint64_t{kPlus128} << 32);
        std::memcpy(lines + i * kLineBytes + r * kLineCols, &both, sizeof(both));
      }
    }
    uint16_t scales[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; r++) {
      scales[r] = static_cast<uint16_t>(load<uint16_t>(rows[r] + g * kStored.bytes) - minus[r]);
    }
    std::memcpy(block + kScalesAt + g % 2 * int64_t{sizeof(scales)}, scales, sizeof(scales));
  }
  if (num_groups % 2 != 0) {
    std::byte* block = panel + num_groups / 2 * kBlockBytes;
    std::memset(block + kHalfBytes, 0x80, kHalfBytes);
    std::memset(block + kScalesAt + kPanelRows * sizeof(uint16_t), 0,
                kPanelRows * sizeof(uint16_t));
  }
  return true;
}

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

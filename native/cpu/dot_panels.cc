// The plain products of int8 panels. Sums of a group are whole numbers and exact; from there on one
// f32 order, fused multiply-adds included, that every kernel set keeps: int8 gives the same bits on
// all of them.
#include <cmath>
#include <cstring>

#include "core/dtype.h"
#include "cpu/panels.h"
#include "cpu/plain.h"

namespace conclave::cpu::plain {
namespace {

constexpr int64_t kLineCols = 4;

template <class T>
T read(const std::byte* at) {
  T x;
  std::memcpy(&x, at, sizeof(T));
  return x;
}

// Of one group of columns; `lines` are the bytes of the panel for them.
int32_t group_sum(const std::byte* lines, const std::byte* group, int64_t row) {
  int32_t sum = read<int32_t>(group + kGroupBytes - 4);
  for (int64_t c = 0; c < kGroupCols; c++) {
    const std::byte* line = lines + c / kLineCols * kPanelRows * kLineCols;
    const int w = std::to_integer<int>(line[row * kLineCols + c % kLineCols]);
    sum += w * read<int16_t>(group + c * int64_t{sizeof(int16_t)});
  }
  return sum;
}

float dot(const std::byte* panel, const std::byte* x, int64_t row, int64_t num_groups) {
  float sum = 0;
  for (int64_t g = 0; g < num_groups; g++, x += kGroupBytes) {
    const std::byte* block = panel + g / 2 * kBlockBytes;
    const std::byte* scale = block + kScalesAt + (g % 2 * kPanelRows + row) * 2;
    const int32_t products = group_sum(block + g % 2 * (kScalesAt / 2), x, row);
    const float both = f16_to_f32(read<uint16_t>(scale)) * read<float>(x + kGroupBytes - 8);
    sum = std::fma(static_cast<float>(products), both, sum);
  }
  return sum;
}

}  // namespace

void quantise(void* out, const float* x, int64_t n) {
  std::byte* group = static_cast<std::byte*>(out);
  for (int64_t g = 0; g < 2 * blocks_of(n); g++, group += kGroupBytes) {
    int16_t values[kGroupCols] = {};
    const int64_t first = g * kGroupCols;
    const int64_t count = first < n ? (n - first < kGroupCols ? n - first : kGroupCols) : 0;
    float largest = 0;
    bool finite = true;
    for (int64_t i = 0; i < count; i++) {
      largest = std::fmax(largest, std::fabs(x[first + i]));
      finite = finite && std::isfinite(x[first + i]);
    }
    const float inverse = kLevels / largest;
    const bool usable = finite && std::isfinite(inverse);
    int32_t sum = 0;
    for (int64_t i = 0; usable && i < count; i++) {
      values[i] = static_cast<int16_t>(std::nearbyint(x[first + i] * inverse));
      sum += values[i];
    }
    const float scale = !finite ? std::nanf("") : usable ? largest / kLevels : 0;
    sum *= -128;
    std::memcpy(group, values, sizeof(values));
    std::memcpy(group + sizeof(values), &scale, 4);
    std::memcpy(group + sizeof(values) + 4, &sum, 4);
  }
}

void dot_panels(const DotRows& args) {
  for (int64_t n = 0; n < args.num_rows; n++) {
    const std::byte* panel =
        static_cast<const std::byte*>(args.w) + n / kPanelRows * panel_bytes(args.k);
    for (int64_t m = 0; m < args.num_x; m++) {
      const float sum = dot(panel, static_cast<const std::byte*>(args.x[m]), n % kPanelRows,
                            2 * blocks_of(args.k));
      args.y[m][args.y_offset + n] = sum * args.scales[n];
    }
  }
}

}  // namespace conclave::cpu::plain

// Int8 panels of q8_0 rows: blocks packed at once against rows that were read first, and both
// against the stored numbers.
#include <cstring>

#include "cpu/panels.h"
#include "harness.h"

namespace conclave::test {

namespace {

constexpr int64_t kRows = cpu::kPanelRows, kBlock = 34, kGroup = cpu::kGroupCols;

struct Case {
  const char* name;
  uint16_t even,
      odd;  // f16 bits of the scales of even and odd groups in row 0; each row has one more
  bool packs, packs_alone;  // all groups, or the first alone
};
constexpr Case kCases[] = {
    {"near each other", 0x1c00, 0x1c13, true, true},
    {"over many powers of two", 0x2400, 0x4900, true, true},
    {"as far apart as f16 holds", 0x0400, 0x3800, true, true},
    {"further apart", 0x0400, 0x3c00, false, true},
    {"equal", 0x1e01, 0x1e01, true, true},
    {"equal and subnormal", 0x0003, 0x0003, true, true},
    {"subnormal", 0x03f0, 0x03e0, false, true},
    {"the largest", 0x7bf0, 0x7bf0, true, true},
    {"zero", 0, 0x1e01, false, false},
    {"infinite", 0x7bf1, 0x7bf1, false, false},
    {"below zero", 0x9c00, 0x1c00, false, false},
};

struct Panel {
  std::vector<std::byte> bytes;
  std::vector<float> row_scales = std::vector<float>(kRows, -1.0f);
  explicit Panel(int64_t cols)
      : bytes(static_cast<size_t>(cpu::panel_bytes(cols)), std::byte{0xee}) {}
};

void check_case(const Case& c, int64_t cols) {
  const std::string name =
      std::string("q8_0 panel, scales ") + c.name + ", " + std::to_string(cols);
  const int64_t groups = cols / kGroup, row_bytes = groups * kBlock;
  // One byte behind the blocks of each row: no row begins where numbers like to.
  std::vector<std::byte> stored(static_cast<size_t>(kRows * (row_bytes + 1)));
  std::vector<int8_t> values;
  std::vector<float> scales;
  const std::byte* rows[kRows];
  for (int64_t r = 0; r < kRows; r++) {
    std::byte* row = stored.data() + r * (row_bytes + 1);
    rows[r] = row;
    for (int64_t g = 0; g < groups; g++) {
      const auto bits = static_cast<uint16_t>((g % 2 == 0 ? c.even : c.odd) + r);
      std::memcpy(row + g * kBlock, &bits, sizeof(bits));
      scales.push_back(f16_to_f32(bits));
      for (int64_t i = 0; i < kGroup; i++) {
        const auto value = static_cast<int8_t>((r * 37 + g * 101 + i * 29) % 256 - 128);
        std::memcpy(row + g * kBlock + 2 + i, &value, 1);
        values.push_back(value);
      }
    }
  }
  Panel packed(cols), read(cols);
  const bool packs =
      cpu::pack_q8_0_panel(packed.bytes.data(), packed.row_scales.data(), rows, cols);
  check(packs == (groups == 1 ? c.packs_alone : c.packs), name);
  if (!packs) return;
  cpu::pack_panel(read.bytes.data(), read.row_scales.data(),
                  {values.data(), scales.data(), kRows, cols});
  check(packed.bytes == read.bytes && packed.row_scales == read.row_scales, name + ": same bits");
  std::vector<float> y(static_cast<size_t>(cols));
  for (int64_t r = 0; r < kRows; r++) {
    cpu::unpack_row(y.data(), packed.bytes.data(), packed.row_scales.data(), r, cols);
    for (int64_t i = 0; i < cols; i++) {
      const float want = static_cast<float>(values[static_cast<size_t>(r * cols + i)]) *
                         scales[static_cast<size_t>(r * groups + i / kGroup)];
      check(y[static_cast<size_t>(i)] == want, name + ": the stored numbers");
    }
  }
}

}  // namespace

void test_panels() {
  for (const Case& c : kCases) {
    for (const int64_t cols : {32, 64, 96, 384}) check_case(c, cols);
  }
}

}  // namespace conclave::test

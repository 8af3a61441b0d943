#include "simt/warpgroup.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/dtype.h"
#include "simt/block.h"

namespace conclave::simt {

namespace {

constexpr int kRows = 64, kDepth = 16;

float bf16_at(const char* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// The fields of a shared memory descriptor, in bytes.
struct Descriptor {
  int64_t start, row_stride;  // row_stride: from eight rows to the next eight
  int64_t row_bytes;
};

Descriptor decode(Block& block, uint64_t bits) {
  constexpr uint64_t kSwizzle128 = 1, kSwizzle32 = 3;
  if (bits >> 62 != kSwizzle128 && bits >> 62 != kSwizzle32)
    block.fail("a matrix descriptor without a swizzle of 128 or 32 bytes", {});
  return {static_cast<int64_t>(bits & 0x3fff) << 4, static_cast<int64_t>(bits >> 32 & 0x3fff) << 4,
          bits >> 62 == kSwizzle128 ? 128 : 32};
}

// Byte `at` of a row of matrix `d`, as the copies of boxes swizzle it.
const char* element(Block& block, const Descriptor& d, int row, int at) {
  const int64_t offset =
      swizzled(d.start + row / 8 * d.row_stride + row % 8 * d.row_bytes + at, d.row_bytes);
  if (offset + 2 > block.async().shared_bytes()) block.fail("a matrix behind shared memory", {});
  return block.async().view(offset);
}

// Where entry (row, column) of the accumulators lies: thread, and index in its registers.
int thread_of(int row, int column) { return row / 16 * 32 + row % 8 * 4 + column % 8 / 2; }
int index_of(int row, int column) { return column / 8 * 4 + row % 16 / 8 * 2 + column % 2; }

}  // namespace

void Warpgroup::reset() {
  fenced_ = false;
  sums_.clear();
  open_.clear();
  groups_.clear();
}

Warpgroup::Sums& Warpgroup::taken(const WarpgroupProduct& product) {
  for (Sums& s : sums_) {
    if (s.registers[0] == product.sums[0]) return s;
  }
  Sums s{product.sums, product.columns,
         std::vector<float>(static_cast<size_t>(kRows) * static_cast<size_t>(product.columns))};
  for (int r = 0; r < kRows; r++) {
    for (int c = 0; c < s.columns; c++) {
      float& entry = product.sums[static_cast<size_t>(thread_of(r, c))][index_of(r, c)];
      s.values[static_cast<size_t>(r * s.columns + c)] = entry;
      entry = NAN;
    }
  }
  sums_.push_back(std::move(s));
  return sums_.back();
}

void Warpgroup::multiply(Block& block, const WarpgroupProduct& product, const Site& site) {
  if (!fenced_) block.fail("wgmma of registers that no wgmma_fence gave over", site);
  const Landing landing = options().landing;
  const bool at_once =
      landing == Landing::early || (landing == Landing::random && (block.random()() & 1));
  Sums& sums = taken(product);
  // Products of one accumulator are done in their order.
  if (at_once) {
    for (auto& group : groups_) {
      for (Pending& p : group) {
        if (!p.done) run(block, taken(p.product), p.product);
        p.done = true;
      }
    }
    for (Pending& p : open_) {
      if (!p.done) run(block, taken(p.product), p.product);
      p.done = true;
    }
    run(block, sums, product);
  }
  open_.push_back({product, at_once});
}

void Warpgroup::run(Block& block, Sums& sums, const WarpgroupProduct& product) {
  float a[kRows][kDepth], b[kDepth][256];
  if (product.registers[0] != nullptr) {
    for (int r = 0; r < kRows; r++) {
      for (int k = 0; k < kDepth; k++) {
        const int thread = r / 16 * 32 + r % 8 * 4 + k % 8 / 2;
        const uint32_t pair =
            product.registers[static_cast<size_t>(thread)][k / 8 * 2 + r % 16 / 8];
        a[r][k] = std::bit_cast<float>(k % 2 ? pair & 0xffff0000u : pair << 16);
      }
    }
  } else {
    const Descriptor from = decode(block, product.a);
    for (int r = 0; r < kRows; r++) {
      for (int k = 0; k < kDepth; k++) a[r][k] = bf16_at(element(block, from, r, 2 * k));
    }
  }
  const Descriptor from = decode(block, product.b);
  for (int c = 0; c < product.columns; c++) {
    for (int k = 0; k < kDepth; k++) b[k][c] = bf16_at(element(block, from, c, 2 * k));
  }
  for (int r = 0; r < kRows; r++) {
    float* row = sums.values.data() + static_cast<size_t>(r) * static_cast<size_t>(sums.columns);
    if (product.from_zero) std::fill(row, row + product.columns, 0.0f);
    for (int k = 0; k < kDepth; k++) {
      for (int c = 0; c < product.columns; c++) row[c] += a[r][k] * b[k][c];
    }
  }
}

void Warpgroup::wait(Block& block, int groups_left) {
  const auto left = static_cast<size_t>(groups_left);
  const size_t landing = groups_.size() > left ? groups_.size() - left : 0;
  for (size_t i = 0; i < landing; i++) {
    for (Pending& p : groups_[i]) {
      if (!p.done) run(block, taken(p.product), p.product);
    }
  }
  groups_.erase(groups_.begin(), groups_.begin() + static_cast<int64_t>(landing));
  // Accumulators that a later product needs stay where they are.
  std::erase_if(sums_, [&](const Sums& s) {
    for (const auto& group : groups_) {
      for (const Pending& p : group) {
        if (p.product.sums[0] == s.registers[0]) return false;
      }
    }
    for (int r = 0; r < kRows; r++) {
      for (int c = 0; c < s.columns; c++)
        s.registers[static_cast<size_t>(thread_of(r, c))][index_of(r, c)] =
            s.values[static_cast<size_t>(r * s.columns + c)];
    }
    return true;
  });
}

}  // namespace conclave::simt

#pragma once
// The matrix instructions of a warpgroup in flight: what has been asked for, group by group, and
// the accumulators, which no thread may touch until they have been waited for.
#include <array>
#include <cstdint>
#include <source_location>
#include <vector>

namespace conclave::simt {

class Block;

constexpr int kWarpgroupThreads = 128;

// d (64 × columns) += a (64 × 16) · b (16 × columns), bf16 with sums in f32.
struct WarpgroupProduct {
  int columns;
  uint64_t a, b;   // descriptors; a where `registers` has none
  bool from_zero;  // d = instead of d +=
  std::array<float*, kWarpgroupThreads> sums;
  std::array<const uint32_t*, kWarpgroupThreads> registers;
};

class Warpgroup {
 public:
  using Site = std::source_location;

  void reset();
  void fence() { fenced_ = true; }
  // Accumulators are poison until wait() brings them; nobody says when before that the operands
  // are read.
  void multiply(Block& block, const WarpgroupProduct& product, const Site& site);
  void commit() {
    groups_.push_back(std::move(open_));
    open_.clear();
    fenced_ = false;
  }
  void wait(Block& block, int groups_left);

 private:
  // The true values of accumulators in flight.
  struct Sums {
    std::array<float*, kWarpgroupThreads> registers;
    int columns;
    std::vector<float> values;  // (64, columns)
  };
  struct Pending {
    WarpgroupProduct product;
    bool done;
  };

  Sums& taken(const WarpgroupProduct& product);
  static void run(Block& block, Sums& sums, const WarpgroupProduct& product);

  bool fenced_ = false;
  std::vector<Sums> sums_;
  std::vector<Pending> open_;
  std::vector<std::vector<Pending>> groups_;
};

}  // namespace conclave::simt

#pragma once
// What works beside the threads of a block: TMA copies and matrix instructions of warpgroups. They
// see shared memory through a proxy of their own: what threads wrote reaches it at a fence alone,
// what copies brought is seen by both. mbarriers say when a copy has landed.
#include <cstdint>
#include <functional>
#include <source_location>
#include <vector>

#include "simt/tensor_map.h"

namespace conclave::simt {

class Block;
struct Thread;

// Where byte `offset` of shared memory lies once rows of `row_bytes` (128 or 32) are swizzled.
constexpr int64_t swizzled(int64_t offset, int64_t row_bytes) {
  return offset ^ (offset >> 7 & (row_bytes / 16 - 1)) << 4;
}

// An mbarrier in its 8 bytes of shared memory. A phase ends when `pending` arrivals have come and
// `bytes` more have landed than were announced: none.
struct Mbarrier {
  uint64_t magic : 8;
  uint64_t phase : 1;
  uint64_t count : 13;
  uint64_t pending : 13;
  int64_t bytes : 29;
};
static_assert(sizeof(Mbarrier) == 8);

class AsyncProxy {
 public:
  using Site = std::source_location;

  explicit AsyncProxy(Block& block) : block_(block) {}
  // A new block with so many bytes of shared memory, poisoned.
  void reset(int64_t shared_bytes);

  // What threads have written becomes visible here.
  void fence();
  // Shared memory as this proxy sees it; `offset` counts from its start.
  const char* view(int64_t offset) const { return view_.data() + offset; }
  int64_t shared_bytes() const { return static_cast<int64_t>(view_.size()); }
  int64_t offset_of(const void* shared, const Site& site) const;

  void init(uint64_t* barrier, int count, const Site& site);
  // One arrival, which announces so many bytes.
  void arrive(uint64_t* barrier, int bytes, const Site& site);
  // Until the phase of this parity has ended.
  void wait(uint64_t* barrier, int parity, const Site& site);

  // A box whose first value is (row, col) of the matrix.
  void copy(void* to, const MatrixMap* map, int col, int row, uint64_t* barrier, const Site& site);
  // Bytes as they lie.
  void copy(void* to, const void* from, int bytes, uint64_t* barrier, const Site& site);
  // One copy lands; false where none is on its way.
  bool land_one();

 private:
  struct AtBarrier {
    Thread* thread;
    const Mbarrier* barrier;
  };
  // Of a box, or of bytes as they lie: then `from` is not null.
  struct OneCopy {
    char* to;
    int64_t bytes;
    const char* from;
    MatrixMap map;
    int col, row;
    Mbarrier* barrier;
  };

  Mbarrier& checked(uint64_t* barrier, const Site& site) const;
  void end_phase_if_done(Mbarrier& barrier);
  void ask(const OneCopy& copy, const Site& site);
  void land(const OneCopy& copy);
  void land_box(const OneCopy& copy);

  Block& block_;
  std::vector<char> view_;
  std::vector<AtBarrier> waiters_;
  std::vector<AtBarrier> unfenced_;  // barriers that the thread which set them up has not fenced
  std::vector<OneCopy> on_their_way_;
};

}  // namespace conclave::simt

#include "simt/async_proxy.h"

#include <algorithm>
#include <cstring>

#include "simt/block.h"

namespace conclave::simt {

namespace {

constexpr uint64_t kMagic = 0xb5;
constexpr int kPoison = 0xff, kPiece = 16;

}  // namespace

void AsyncProxy::reset(int64_t shared_bytes) {
  view_.assign(static_cast<size_t>(shared_bytes), static_cast<char>(kPoison));
  waiters_.clear();
  unfenced_.clear();
  on_their_way_.clear();
}

void AsyncProxy::fence() {
  std::memcpy(view_.data(), block_.shared(), view_.size());
  std::erase_if(unfenced_, [&](const AtBarrier& w) { return w.thread == &block_.current(); });
}

int64_t AsyncProxy::offset_of(const void* shared, const Site& site) const {
  const int64_t offset = static_cast<const char*>(shared) - block_.shared();
  if (offset < 0 || offset >= shared_bytes()) block_.fail("an address outside shared memory", site);
  return offset;
}

Mbarrier& AsyncProxy::checked(uint64_t* barrier, const Site& site) const {
  offset_of(barrier, site);
  auto* b = reinterpret_cast<Mbarrier*>(barrier);
  if (reinterpret_cast<uintptr_t>(barrier) % 8 != 0 || b->magic != kMagic)
    block_.fail("an mbarrier that nobody has set up", site);
  return *b;
}

void AsyncProxy::init(uint64_t* barrier, int count, const Site& site) {
  offset_of(barrier, site);
  if (count < 1) block_.fail("an mbarrier of " + std::to_string(count) + " arrivals", site);
  const auto n = static_cast<uint64_t>(count);
  *reinterpret_cast<Mbarrier*>(barrier) = {kMagic, 0, n, n, 0};
  unfenced_.push_back({&block_.current(), reinterpret_cast<Mbarrier*>(barrier)});
}

void AsyncProxy::end_phase_if_done(Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  barrier.phase ^= 1;
  barrier.pending = barrier.count;
  for (const AtBarrier& waiter : waiters_) {
    if (waiter.barrier == &barrier) block_.wake(*waiter.thread);
  }
  std::erase_if(waiters_, [&](const AtBarrier& waiter) { return waiter.barrier == &barrier; });
}

void AsyncProxy::arrive(uint64_t* barrier, int bytes, const Site& site) {
  Mbarrier& b = checked(barrier, site);
  if (b.pending == 0) block_.fail("more arrivals at an mbarrier than its count", site);
  b.bytes += bytes;
  b.pending--;
  end_phase_if_done(b);
}

void AsyncProxy::wait(uint64_t* barrier, int parity, const Site& site) {
  const Mbarrier& b = checked(barrier, site);
  while (static_cast<int>(b.phase) == (parity & 1)) {
    waiters_.push_back({&block_.current(), &b});
    block_.park("mbarrier", site);
  }
}

void AsyncProxy::copy(void* to, const MatrixMap* map, int col, int row, uint64_t* barrier,
                      const Site& site) {
  if (map == nullptr) block_.fail("a TMA copy with a map that nobody has made", site);
  if (reinterpret_cast<uintptr_t>(to) % (8 * static_cast<size_t>(map->box_row_bytes)) != 0)
    block_.fail("a swizzled TMA copy to an address that is no multiple of 8 rows", site);
  if (col % (kPiece / map->value_bytes) != 0)
    block_.fail("a box that begins within 16 bytes", site);
  ask({static_cast<char*>(to), int64_t{map->box_rows} * map->box_row_bytes, nullptr, *map, col, row,
       &checked(barrier, site)},
      site);
}

void AsyncProxy::copy(void* to, const void* from, int bytes, uint64_t* barrier, const Site& site) {
  if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from) |
       static_cast<uintptr_t>(bytes)) %
              kPiece !=
          0 ||
      bytes <= 0)
    block_.fail("a bulk copy of addresses or bytes that are no multiples of 16", site);
  ask({static_cast<char*>(to),
       bytes,
       static_cast<const char*>(from),
       {},
       0,
       0,
       &checked(barrier, site)},
      site);
}

void AsyncProxy::ask(const OneCopy& copy, const Site& site) {
  const int64_t offset = offset_of(copy.to, site);
  if (offset + copy.bytes > shared_bytes()) block_.fail("a copy behind shared memory", site);
  if (std::any_of(unfenced_.begin(), unfenced_.end(),
                  [&](const AtBarrier& w) { return w.barrier == copy.barrier; }))
    block_.fail("an mbarrier that is not fenced to the proxy of copies", site);
  std::memset(copy.to, kPoison, static_cast<size_t>(copy.bytes));
  std::memset(view_.data() + offset, kPoison, static_cast<size_t>(copy.bytes));
  if (options().landing == Landing::early ||
      (options().landing == Landing::random && (block_.random()() & 1)))
    return land(copy);
  on_their_way_.push_back(copy);
}

void AsyncProxy::land(const OneCopy& copy) {
  if (copy.from == nullptr) {
    land_box(copy);
  } else {
    std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
    std::memcpy(view_.data() + (copy.to - block_.shared()), copy.from,
                static_cast<size_t>(copy.bytes));
  }
  copy.barrier->bytes -= copy.bytes;
  end_phase_if_done(*copy.barrier);
}

void AsyncProxy::land_box(const OneCopy& copy) {
  const MatrixMap& map = copy.map;
  const int per_piece = kPiece / map.value_bytes;
  const int64_t offset = copy.to - block_.shared();
  for (int r = 0; r < map.box_rows; r++) {
    const int64_t row = int64_t{copy.row} + r;
    for (int i = 0; i < map.box_row_bytes / kPiece; i++) {
      // The swizzle repeats every eight rows, and boxes lie on as many.
      const int64_t at = swizzled(int64_t{r} * map.box_row_bytes + i * kPiece, map.box_row_bytes);
      const int64_t col = int64_t{copy.col} + i * per_piece;
      char piece[kPiece] = {};
      // Columns are whole pieces: a row's bytes are a multiple of 16, and so is where boxes begin.
      if (row >= 0 && row < map.rows && col >= 0 && col < map.cols)
        std::memcpy(piece, map.data + (row * map.cols + col) * map.value_bytes, kPiece);
      std::memcpy(copy.to + at, piece, kPiece);
      std::memcpy(view_.data() + offset + at, piece, kPiece);
    }
  }
}

// Nothing says in which order copies land: the newest first is the worst, but for chance.
bool AsyncProxy::land_one() {
  if (on_their_way_.empty()) return false;
  size_t which = on_their_way_.size() - 1;
  if (options().landing == Landing::random) which = block_.random()() % on_their_way_.size();
  const OneCopy copy = on_their_way_[which];
  on_their_way_.erase(on_their_way_.begin() + static_cast<int64_t>(which));
  land(copy);
  return true;
}

}  // namespace conclave::simt

#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> g_live{0};
std::atomic<size_t> g_peak{0};
std::atomic<long> g_until_failure{-1};

// The size lies before the block; 16 bytes keep the alignment that operator new promises.
constexpr size_t kPrefix = 16;

}  // namespace

void* operator new(size_t bytes) {
  if (g_until_failure >= 0 && g_until_failure-- == 0) throw std::bad_alloc();
  void* block = std::malloc(bytes + kPrefix);
  if (block == nullptr) throw std::bad_alloc();
  *static_cast<size_t*>(block) = bytes;
  const size_t live = g_live += bytes;
  if (live > g_peak) g_peak = live;
  return static_cast<char*>(block) + kPrefix;
}

void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  void* block = static_cast<char*>(pointer) - kPrefix;
  g_live -= *static_cast<size_t*>(block);
  std::free(block);
}

void operator delete(void* pointer, size_t) noexcept { operator delete(pointer); }

namespace conclave::test {

size_t live_bytes() { return g_live; }
void reset_peak() { g_peak = g_live.load(); }
size_t peak_bytes() { return g_peak; }
void fail_allocation(long k) { g_until_failure = k; }

}  // namespace conclave::test

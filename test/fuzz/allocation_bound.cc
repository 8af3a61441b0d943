#include "allocation_bound.h"

#include <sanitizer/allocator_interface.h>

#include <atomic>

#include "claims.h"

namespace conclave::test {
namespace {

std::atomic<int64_t> g_live{0};
std::atomic<int64_t> g_peak{0};

void on_malloc(const volatile void*, size_t bytes) {
  const int64_t live = g_live += static_cast<int64_t>(bytes);
  if (live > g_peak) g_peak = live;
}

void on_free(const volatile void* block) {
  if (block == nullptr) return;
  g_live -= static_cast<int64_t>(__sanitizer_get_allocated_size(block));
}

}  // namespace

AllocationBound::AllocationBound() {
  static const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  claim(installed != 0, "the hooks on malloc and free are installed");
  base_ = g_live;
  g_peak = base_;
}

void AllocationBound::at_most(uint64_t bytes) const {
  claim(g_peak - base_ <= static_cast<int64_t>(bytes), "a reader allocates within its bound");
}

}  // namespace conclave::test

#include "simt/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace conclave::simt {

namespace {

constexpr int64_t kPage = 64 << 10, kAlign = 16;  // kPage: a multiple of every machine's page

struct Mapping {
  char* base;
  int64_t bytes;  // usable pages, the guard page behind them not counted
};

// The table must not take its memory from operator new: a test program builds that on this file.
template <class T>
struct FromMalloc {
  using value_type = T;
  FromMalloc() = default;
  template <class U>
  FromMalloc(const FromMalloc<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(std::malloc(n * sizeof(T))); }
  void deallocate(T* p, size_t) { std::free(p); }
  bool operator==(const FromMalloc&) const { return true; }
};

using Table =
    std::map<void*, Mapping, std::less<void*>, FromMalloc<std::pair<void* const, Mapping>>>;

std::mutex mutex;
Table& mappings() {
  alignas(Table) static char storage[sizeof(Table)];
  static auto* all = new (storage) Table();  // never destroyed: memory may be given back at exit
  return *all;
}

}  // namespace

void* take_memory(int64_t bytes) {
  const int64_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  const int64_t usable = (rounded + kPage - 1) / kPage * kPage;
  void* base = mmap(nullptr, static_cast<size_t>(usable + kPage), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  char* first = static_cast<char*>(base);
  mprotect(first + usable, static_cast<size_t>(kPage), PROT_NONE);
  char* memory = first + usable - rounded;
  std::memset(memory, 0xff, static_cast<size_t>(rounded));
  const std::lock_guard lock(mutex);
  mappings()[memory] = {first, usable};
  return memory;
}

bool give_memory(void* memory) noexcept {
  const std::lock_guard lock(mutex);
  const auto found = mappings().find(memory);
  if (found == mappings().end()) return false;
  munmap(found->second.base, static_cast<size_t>(found->second.bytes + kPage));
  mappings().erase(found);
  return true;
}

bool in_guard(const void* address) {
  const char* at = static_cast<const char*>(address);
  for (const auto& [memory, mapping] : mappings()) {
    const char* guard = mapping.base + mapping.bytes;
    if (at >= guard && at < guard + kPage) return true;
  }
  return false;
}

}  // namespace conclave::simt

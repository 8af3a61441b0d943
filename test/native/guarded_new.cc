// Every block of memory that a test takes ends before a page that may not be touched: what a kernel
// reads or writes behind its tensors ends the program.
#include <cstdlib>
#include <new>

#include "simt/block.h"
#include "simt/memory.h"

namespace {
constexpr std::size_t kSmall = 32;
}  // namespace

void* operator new(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes < kSmall || conclave::simt::running_block() != nullptr) {
    memory = std::malloc(bytes);
  } else {
    memory = conclave::simt::take_memory(static_cast<int64_t>(bytes));
  }
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  if (!conclave::simt::give_memory(memory)) std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#include "simt/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

extern "C" void conclave_simt_switch(void** from, void* to);

namespace conclave::simt {

namespace {
constexpr size_t kGuard = 16 << 10;  // no smaller than a page of any machine we run on

#if defined(__aarch64__)
constexpr size_t kFrameWords = 20, kEntryWord = 11;  // x30
#else
constexpr size_t kFrameWords = 8, kEntryWord = 6;  // the return address, and one word of padding
#endif
}  // namespace

Stack::Stack() {
  void* memory =
      mmap(nullptr, kBytes + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kGuard, PROT_NONE);
  base_ = static_cast<char*>(memory);
}

Stack::~Stack() { munmap(base_, kBytes + kGuard); }

void* Stack::prepare(void (*entry)(), size_t stagger) {
  const uintptr_t top = reinterpret_cast<uintptr_t>(base_ + kGuard + kBytes) - stagger % 64 * 192;
  void** frame = reinterpret_cast<void**>(top & ~uintptr_t{63}) - kFrameWords;
  std::memset(frame, 0, kFrameWords * sizeof(void*));
  frame[kEntryWord] = reinterpret_cast<void*>(entry);
  return frame;
}

void switch_stack(void** from, void* to) { conclave_simt_switch(from, to); }

}  // namespace conclave::simt

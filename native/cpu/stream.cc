#include "cpu/stream.h"

#include <algorithm>
#include <new>
#include <string>

#include "core/error.h"

namespace conclave::cpu {

namespace {
constexpr std::align_val_t kAlign{64};
}

CpuStream::~CpuStream() {
  for (void* p : scratch_) ::operator delete(p, kAlign);
}

void* CpuStream::scratch(int slot, int64_t bytes) {
  if (bytes <= scratch_bytes_[slot]) return scratch_[slot];
  // A quarter more than asked, so that a growing batch does not allocate at every step.
  const int64_t grown = std::max(bytes + bytes / 4, int64_t{4096});
  ::operator delete(scratch_[slot], kAlign);
  scratch_[slot] = nullptr;
  scratch_bytes_[slot] = 0;
  scratch_[slot] = ::operator new(static_cast<size_t>(grown), kAlign, std::nothrow);
  if (!scratch_[slot]) {
    throw Error("insufficient_memory",
                "Expected " + std::to_string(grown) +
                    " bytes of scratch memory, but the system has none left. "
                    "Lower maxBatchTokens or free memory.");
  }
  scratch_bytes_[slot] = grown;
  return scratch_[slot];
}

}  // namespace conclave::cpu

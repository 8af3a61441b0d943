#include "cpu/stream.h"

#include <algorithm>

namespace conclave::cpu {

void* CpuStream::scratch(int slot, int64_t bytes) {
  AlignedBytes& memory = scratch_[slot];
  if (bytes > memory.size()) {
    memory = {};
    // A quarter more than asked, so that a growing batch does not allocate at every step.
    memory = AlignedBytes(std::max(bytes + bytes / 4, int64_t{4096}));
  }
  return memory.data();
}

}  // namespace conclave::cpu

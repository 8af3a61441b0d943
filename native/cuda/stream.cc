#include "cuda/stream.h"

#include <cstddef>
#include <vector>

#include "cuda/runtime.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

CudaStream::~CudaStream() {
  for (void* memory : scratch_) runtime::free(memory);
  for (void* memory : pinned_) runtime::free_pinned(memory);
}

void* CudaStream::pinned(int slot, int64_t bytes) {
  if (bytes <= pinned_bytes_[slot]) return pinned_[slot];
  runtime::free_pinned(pinned_[slot]);
  pinned_[slot] = nullptr;
  pinned_bytes_[slot] = 0;
  const int64_t grown = grown_scratch(bytes);
  pinned_[slot] = runtime::allocate_pinned(grown);
  pinned_bytes_[slot] = grown;
  return pinned_[slot];
}

void* CudaStream::scratch(int slot, int64_t bytes) {
  if (bytes <= scratch_bytes_[slot]) return scratch_[slot];
  runtime::wait(queue);
  runtime::free(scratch_[slot]);
  scratch_[slot] = nullptr;
  scratch_bytes_[slot] = 0;
  generation++;
  const int64_t grown = grown_scratch(bytes);
  scratch_[slot] = runtime::allocate(grown);
  scratch_bytes_[slot] = grown;
  return scratch_[slot];
}

int* CudaStream::tickets(int64_t count) {
  const int64_t had = scratch_bytes_[kTicketSlot];
  void* memory = scratch(kTicketSlot, ticket_bytes(count));
  const int64_t has = scratch_bytes_[kTicketSlot];
  if (has != had) {
    const std::vector<std::byte> zeros(static_cast<size_t>(has));
    runtime::copy(memory, zeros.data(), has, queue);
    runtime::wait(queue);
  }
  return static_cast<int*>(memory);
}

}  // namespace conclave::cuda

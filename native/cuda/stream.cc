#include "cuda/stream.h"

#include "cuda/runtime.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

CudaStream::~CudaStream() {
  for (void* memory : scratch_) runtime::free(memory);
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

}  // namespace conclave::cuda

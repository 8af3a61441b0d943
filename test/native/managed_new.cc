// Every block of memory that a test takes is seen by the card too, so that the cases of the host
// run there unchanged. Nothing is given back before the program ends.
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

namespace {

constexpr std::size_t kChunk = std::size_t{256} << 20, kAlign = 64;
std::mutex mutex;
char* next = nullptr;
std::size_t left = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  const std::lock_guard lock(mutex);
  const std::size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  if (rounded > left) {
    left = rounded > kChunk ? rounded : kChunk;
    void* chunk = nullptr;
    if (cudaMallocManaged(&chunk, left, cudaMemAttachGlobal) != cudaSuccess) {
      std::fputs("no managed memory: is there a card?\n", stderr);
      std::_Exit(2);
    }
    next = static_cast<char*>(chunk);
  }
  void* memory = next;
  next += rounded;
  left -= rounded;
  return memory;
}

void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}

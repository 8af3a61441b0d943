// The CUDA runtime of the host harness: device memory with guard pages, queues that do their work
// at once or write it down.
#include "cuda/runtime.h"

#include <cstring>
#include <thread>

#include "core/error.h"
#include "simt/memory.h"
#include "simt/options.h"
#include "simt/queue.h"

namespace conclave::simt {

void enqueue(void* queue, Work work) {
  auto* q = static_cast<Queue*>(queue);
  if (q->recording) return q->recorded.push_back(std::move(work));
  try {
    work();
  } catch (const Fault& fault) {
    throw Error("engine_failed",
                std::string("A CUDA kernel failed under the harness: ") + fault.what());
  }
}

}  // namespace conclave::simt

namespace conclave::cuda::runtime {

using simt::Queue;
using simt::Work;

std::string why_not() { return ""; }
const char* device_name() { return "cuda (simt)"; }
Card open() { return {"host SIMT harness", 90, 4, int64_t{1} << 34}; }
void check(int, const char*) {}

void* allocate(int64_t bytes) {
  void* memory = simt::take_memory(bytes);
  if (memory == nullptr)
    throw Error("gpu_out_of_memory",
                "Expected " + std::to_string(bytes) + " bytes of device memory of the harness.");
  return memory;
}

void free(void* memory) noexcept { simt::give_memory(memory); }
void* allocate_pinned(int64_t bytes) { return allocate(bytes); }
void free_pinned(void* memory) noexcept { free(memory); }

void* create_queue() { return new Queue; }
void destroy_queue(void* queue) noexcept { delete static_cast<Queue*>(queue); }

void copy(void* to, const void* from, int64_t bytes, void* queue) {
  simt::enqueue(queue, [=] { std::memcpy(to, from, static_cast<size_t>(bytes)); });
}

void copy_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows,
               void* queue) {
  simt::enqueue(queue, [=] {
    for (int64_t r = 0; r < rows; r++)
      std::memcpy(static_cast<char*>(to) + r * bytes, static_cast<const char*>(from) + r * pitch,
                  static_cast<size_t>(bytes));
  });
}

void wait(void*) {}

void begin_recording(void* queue) { static_cast<Queue*>(queue)->recording = true; }

void* end_recording(void* queue) {
  auto* q = static_cast<Queue*>(queue);
  q->recording = false;
  return new std::vector<Work>(std::move(q->recorded));
}

void replay(void* recording, void* queue) {
  for (const Work& work : *static_cast<std::vector<Work>*>(recording)) simt::enqueue(queue, work);
}

void destroy_recording(void* recording) noexcept {
  delete static_cast<std::vector<Work>*>(recording);
}

}  // namespace conclave::cuda::runtime

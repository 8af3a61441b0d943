#pragma once
// Streams of work of the harness: done at once, or recorded and done again at each replay, as a
// CUDA graph is.
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

namespace conclave::simt {

using Work = std::function<void()>;

struct Queue {
  bool recording = false;
  std::vector<Work> recorded;
};

void enqueue(void* queue, Work work);
// The work of a kernel, which the driver may refuse. Throws the error of that.
void launch(const char* name, void* queue, Work work);

}  // namespace conclave::simt

#pragma once
// Streams of work of the harness: done at once, or recorded and done again at each replay, as a
// CUDA graph is.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

namespace conclave::simt {

// What a kernel that starts early has in front of it and has not waited for yet; null: nothing.
using Before = std::function<void()>;

struct Work {
  std::function<void(Before&)> run;
  bool is_kernel = false, early = false;
};

struct Queue {
  // Put in and not done yet (options().works_late); how much was put in and done since the start.
  std::deque<Work> waiting;
  int64_t num_asked = 0, num_done = 0;
  bool recording = false;
  std::vector<Work> recorded;
  // Held back (options().holds_back): the last kernel, until one that starts early waits for it or
  // anything else needs it done; how many others it holds itself.
  std::function<void()> held;
  int held_depth = 0;
};

void enqueue(void* queue, Work work);
// A place in a queue: what was put in before it.
struct Mark {
  Queue* queue = nullptr;
  int64_t num_asked = 0;
};
// The first `num_asked` pieces of work are done, and nothing is held back.
void work_off(Queue& queue, int64_t num_asked);
// All is done.
void flush(void* queue);
// The work of a kernel, which the driver may refuse. Throws the error of that.
void launch(const char* name, void* queue, bool early, std::function<void(Before&)> run);

}  // namespace conclave::simt

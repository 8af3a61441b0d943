#pragma once
// How adversarial a run is. The defaults are what the addon uses; tests go through all of them.
#include <cstdint>
#include <stdexcept>
#include <string>

namespace conclave::simt {

// In which order the threads of a block get their turn.
enum class Order : uint8_t { forward, reverse, random };
// When an asynchronous copy lands: at the wait that needs it, at once, or somewhere between.
enum class Landing : uint8_t { late, early, random };

struct Options {
  Order order = Order::forward;
  Landing landing = Landing::late;
  uint64_t seed = 1;
  // Kernels run late: one that may start early goes as far as it can before the one in front of it.
  // Where memory is read without a wait for the queue, it is not there yet.
  bool holds_back = false;
  // Nothing that is put into a queue is done before somebody waits for it, or for what lies behind
  // it: memory that is given back, written or read too early shows. Not for callers that want work
  // done when a call returns.
  bool works_late = false;
};

Options& options();

// What the harness found wrong with a kernel. The message names the thread and the call.
class Fault : public std::runtime_error {
 public:
  explicit Fault(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace conclave::simt

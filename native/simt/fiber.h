#pragma once
// Fibers: stacks that are switched by hand. A fiber runs until it parks or returns; nothing
// preempts it.
#include <cstddef>

namespace conclave::simt {

// Memory of one stack; lazily mapped, with a guard page below.
class Stack {
 public:
  static constexpr size_t kBytes = 256 << 10;
  Stack();
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  // Lays out a frame that starts `entry` when switched to. `stagger` moves the top, so that the hot
  // ends of many stacks do not share one set of the cache. `entry` never returns.
  void* prepare(void (*entry)(), size_t stagger);

 private:
  char* base_;
};

// Goes to the stack `to`; what comes back later finds this one in *from.
void switch_stack(void** from, void* to);

}  // namespace conclave::simt

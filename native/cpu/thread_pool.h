#pragma once
// A fixed set of threads that run one task list at a time. The calling thread is one of them.
// Workers spin for a short while after a task list, then sleep: an idle pool costs nothing.
#include <cstdint>
#include <memory>
#include <type_traits>

namespace conclave::cpu {

class ThreadPool {
 public:
  // num_threads ≥ 1 counts the caller; throws Error("insufficient_memory") where the system refuses
  // a thread.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const;

  // Runs fn(task, thread) for each task in [0, num_tasks), tasks taken in rising order from one
  // counter; returns when all are done. fn must not throw and must not call the pool. One caller at
  // a time.
  template <class Fn>
  void parallel_for(int64_t num_tasks, Fn&& fn) {
    using F = std::remove_reference_t<Fn>;
    run(
        num_tasks, [](void* f, int64_t task, int thread) { (*static_cast<F*>(f))(task, thread); },
        &fn);
  }

 private:
  struct State;
  using Task = void (*)(void*, int64_t task, int thread);
  void run(int64_t num_tasks, Task task, void* context);
  std::unique_ptr<State> state_;
};

// Cores that this process may use: affinity mask and cgroup quota, at least 1; physical cores where
// the system tells.
int usable_cores();

}  // namespace conclave::cpu

#pragma once
// Whether a piece of work is worth waking the pool for.
#include "cpu/thread_pool.h"

namespace conclave::cpu {

inline constexpr int64_t kHandOffNs =
    10'000;  // a hand-off costs 1–2 µs: below this the caller is done sooner alone

// fn(task, thread) for each task; `cost_ns` is a rough price of all of them on one thread.
template <class Fn>
void for_each_task(ThreadPool& pool, int64_t num_tasks, int64_t cost_ns, Fn&& fn) {
  if (cost_ns < kHandOffNs || num_tasks <= 1) {
    for (int64_t task = 0; task < num_tasks; task++) fn(task, 0);
  } else {
    pool.parallel_for(num_tasks, fn);
  }
}

// fn(begin, end) over [0, n) in pieces of `grain`.
template <class Fn>
void for_each_range(ThreadPool& pool, int64_t n, int64_t grain, int64_t cost_ns, Fn&& fn) {
  if (cost_ns < kHandOffNs || n <= grain) return fn(int64_t{0}, n);
  pool.parallel_for((n + grain - 1) / grain, [&](int64_t task, int) {
    const int64_t begin = task * grain;
    fn(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace conclave::cpu

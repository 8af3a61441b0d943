#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include "harness.h"

namespace conclave::test {

namespace {

void every_task_runs_once(int num_threads, int64_t num_tasks) {
  cpu::ThreadPool pool(num_threads);
  for (int run = 0; run < 200; run++) {
    std::vector<std::atomic<int>> hits(static_cast<size_t>(num_tasks));
    std::atomic<bool> thread_ok{true};
    pool.parallel_for(num_tasks, [&](int64_t task, int thread) {
      hits[static_cast<size_t>(task)]++;
      if (thread < 0 || thread >= num_threads) thread_ok = false;
    });
    bool once = thread_ok;
    for (const auto& h : hits) once = once && h == 1;
    if (!once || run == 199) {
      check(once, "thread_pool: " + std::to_string(num_tasks) + " tasks on " +
                      std::to_string(num_threads));
      if (!once) return;
    }
  }
}

void wakes_after_sleep() {
  cpu::ThreadPool pool(3);
  for (int i = 0; i < 5; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than the spin
    std::atomic<int> sum{0};
    pool.parallel_for(10, [&](int64_t task, int) { sum += static_cast<int>(task); });
    check(sum == 45, "thread_pool: wakes after sleep");
  }
}

void idle_costs_nothing() {
  cpu::ThreadPool pool(4);
  pool.parallel_for(8, [](int64_t, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // the spin is over
  const std::clock_t before = std::clock();                    // of all threads of the process
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const double busy_ms = 1e3 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  check(busy_ms < 5,
        "thread_pool: idle for 100 ms took " + std::to_string(busy_ms) + " ms of processor time");
}

}  // namespace

void test_thread_pool() {
  for (int threads : {1, 2, 4}) {
    for (int64_t tasks : {0, 1, 2, 3, 7, 64}) every_task_runs_once(threads, tasks);
  }
  wakes_after_sleep();
  idle_costs_nothing();
  check(cpu::usable_cores() >= 1, "usable_cores: at least one");
}

}  // namespace conclave::test

// `remaining` is the whole protocol: a task is taken by counting it down, and only after that is
// the task list read. A list cannot change before all of its taken tasks are done, so a worker that
// comes late finds nothing or the next list.
#include "cpu/thread_pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"
#include "cpu/pause.h"

namespace conclave::cpu {

namespace {
constexpr std::chrono::microseconds kSpinTime{
    80};                            // longer than the gaps between the ops of a step
constexpr int kPausesPerLook = 64;  // between looks at the clock
}  // namespace

struct ThreadPool::State {
  alignas(64) std::atomic<int64_t> remaining{0};
  alignas(64) std::atomic<int64_t> done{0};
  alignas(64) int64_t num_tasks = 0;  // this line is written only while remaining is 0
  Task task = nullptr;
  void* context = nullptr;
  alignas(64) std::atomic<int> num_sleeping{0};
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> workers;

  int64_t take_tasks(int thread);
  bool spin();
  void sleep();
  void work(int thread);
  void stop();
};

// Runs tasks until none is left to take; returns how many.
int64_t ThreadPool::State::take_tasks(int thread) {
  int64_t taken = 0;
  int64_t left = remaining.load(std::memory_order_acquire);
  while (left > 0) {
    if (!remaining.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire))
      continue;
    task(context, num_tasks - left, thread);
    taken++;
    left = remaining.load(std::memory_order_acquire);
  }
  return taken;
}

// True once there is something to do, false when the time is up.
bool ThreadPool::State::spin() {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kPausesPerLook; i++) {
      if (remaining.load(std::memory_order_relaxed) > 0 || stopping.load(std::memory_order_relaxed))
        return true;
      spin_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

void ThreadPool::State::sleep() {
  std::unique_lock lock(mutex);
  num_sleeping.fetch_add(
      1);  // before the last look at `remaining`, as run() looks here after it has set that
  wake.wait(lock, [&] { return remaining.load() > 0 || stopping.load(); });
  num_sleeping.fetch_sub(1);
}

void ThreadPool::State::work(int thread) {
  while (!stopping.load(std::memory_order_relaxed)) {
    if (const int64_t taken = take_tasks(thread)) done.fetch_add(taken, std::memory_order_release);
    if (!spin()) sleep();
  }
}

void ThreadPool::State::stop() {
  {
    std::lock_guard lock(mutex);
    stopping.store(true);
  }
  wake.notify_all();
  for (std::thread& worker : workers) worker.join();
}

ThreadPool::ThreadPool(int num_threads) : state_(std::make_unique<State>()) {
  try {
    state_->workers.reserve(static_cast<size_t>(num_threads - 1));
    for (int i = 1; i < num_threads; i++)
      state_->workers.emplace_back([s = state_.get(), i] { s->work(i); });
  } catch (const std::system_error&) {
    state_->stop();
    throw Error("insufficient_memory",
                "Expected to start " + std::to_string(num_threads) +
                    " threads, but the system refused one. Lower `threads` or raise the limit.");
  } catch (...) {  // no memory for a thread: those that run must end before they are destroyed
    state_->stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->stop(); }

int ThreadPool::num_threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t num_tasks, Task task, void* context) {
  State& s = *state_;
  if (s.workers.empty() || num_tasks <= 1) {
    for (int64_t i = 0; i < num_tasks; i++) task(context, i, 0);
    return;
  }
  s.num_tasks = num_tasks;
  s.task = task;
  s.context = context;
  s.done.store(0, std::memory_order_relaxed);
  s.remaining.store(num_tasks);
  if (s.num_sleeping.load() > 0) {
    { std::lock_guard lock(s.mutex); }
    s.wake.notify_all();
  }
  const int64_t taken = s.take_tasks(0);
  for (int looks = 0; s.done.load(std::memory_order_acquire) < num_tasks - taken; looks++) {
    if (looks < 10'000) spin_pause();
    else std::this_thread::yield();  // a worker has lost its core
  }
}

}  // namespace conclave::cpu

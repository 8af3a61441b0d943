#include <chrono>

#include "addon/executor_wrap.h"
#include "cpu/pause.h"

namespace conclave::addon {
namespace {

// A step comes soon after the last one, as a rule, and being woken takes longer than the wait.
constexpr std::chrono::microseconds kSpinTime{50};
constexpr int kPausesPerLook = 64;  // between looks at the clock

}  // namespace

EngineThread::EngineThread() : thread_([this] { loop(); }) {}

EngineThread::~EngineThread() { stop(); }

void EngineThread::enqueue(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(job));
    num_queued_++;
  }
  wake_.notify_one();
}

void EngineThread::stop() noexcept {
  cancelled = true;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    num_queued_++;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EngineThread::spin() const {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < kPausesPerLook; i++) {
      if (num_queued_.load(std::memory_order_relaxed) > 0) return;
      cpu::spin_pause();
    }
  }
}

void EngineThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) break;
    const std::function<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    num_queued_--;
    job();
    spin();
    lock.lock();
  }
  queue_.clear();
  executor.reset();
}

}  // namespace conclave::addon

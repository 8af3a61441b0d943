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
  enqueue(Step{[] { return false; },
               [job = std::move(job)] {
                 job();
                 return false;
               },
               {}});
}

void EngineThread::enqueue(Step step) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(step));
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

void EngineThread::end_first() {
  const std::function<void()> end = std::move(begun_.front());
  begun_.pop_front();
  end();
}

// One step may be begun while another is on its way.
void EngineThread::run(Step& step) {
  while (!begun_.empty() && (begun_.size() > 1 || !step.begins_ahead())) end_first();
  if (step.begin()) begun_.push_back(std::move(step.end));
}

void EngineThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (begun_.empty()) wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) break;
    if (queue_.empty()) {
      lock.unlock();
      if (executor->wait([this] { return num_queued_ > 0; })) end_first();
      if (begun_.empty()) spin();
      lock.lock();
      continue;
    }
    Step step = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    num_queued_--;
    run(step);
    if (begun_.empty()) spin();
    lock.lock();
  }
  lock.unlock();
  while (!begun_.empty()) end_first();
  lock.lock();
  queue_.clear();
  executor.reset();
}

}  // namespace conclave::addon

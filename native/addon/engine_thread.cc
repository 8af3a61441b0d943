#include "addon/executor_wrap.h"

namespace conclave::addon {

EngineThread::EngineThread() : thread_([this] { loop(); }) {}

EngineThread::~EngineThread() { stop(); }

void EngineThread::enqueue(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void EngineThread::stop() noexcept {
  cancelled = true;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EngineThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) break;
    const std::function<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
  queue_.clear();
  executor.reset();
}

}  // namespace conclave::addon

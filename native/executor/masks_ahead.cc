#include "executor/masks_ahead.h"

#include <system_error>

namespace conclave::executor {

MasksAhead::~MasksAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

MasksAhead::Turn MasksAhead::begin(States states) {
  if (!states.empty()) {
    try {
      if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
      {
        const std::lock_guard lock(mutex_);
        states_ = std::move(states);
        working_ = true;
        ended_ = false;
      }
      changed_.notify_all();
    } catch (const std::system_error&) {
    }
  }
  return Turn(*this);
}

void MasksAhead::end() {
  ended_ = true;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !working_; });
}

void MasksAhead::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return working_ || stopping_; });
    if (stopping_) return;
    const States states = std::move(states_);
    states_.clear();
    lock.unlock();
    for (const auto& state : states)
      if (!ended_) state->matcher->prepare(state->tokens_left());
    lock.lock();
    working_ = false;
    changed_.notify_all();
  }
}

}  // namespace conclave::executor

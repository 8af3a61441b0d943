#pragma once
// Masks of answers that follow a grammar, found beside the step whose rows they are for: what they
// depend on was sampled in the step before.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ops/sample.h"

namespace conclave::executor {

// One thread that sleeps between steps, made when it is first needed. Used by one thread at a time.
class MasksAhead {
 public:
  using States = std::vector<std::shared_ptr<ops::SamplerState>>;

  MasksAhead() = default;
  ~MasksAhead();
  MasksAhead(const MasksAhead&) = delete;
  MasksAhead& operator=(const MasksAhead&) = delete;

  // The work for one step. `end` waits for the matcher at hand; those that are left are for the
  // sampler's threads, which are many. The destructor ends it too, where a step throws.
  class Turn {
   public:
    explicit Turn(MasksAhead& masks) : masks_(masks) {}
    ~Turn() { end(); }
    void end() { masks_.end(); }

   private:
    MasksAhead& masks_;
  };
  // Prepares the matcher of each state. Where the system refuses a thread nothing is done: masks
  // are then found when they are needed.
  Turn begin(States states);

 private:
  void end();
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  States states_;
  bool working_ = false, stopping_ = false;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace conclave::executor

#pragma once
// Executor of lib/native.ts: one native executor on a thread of its own.
#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "addon/environment.h"
#include "addon/errors.h"
#include "executor/executor.h"

namespace conclave::addon {

// What a load calls back on the JavaScript thread; destroyed there.
struct LoadCalls {
  Napi::FunctionReference on_progress;
  Napi::Reference<Napi::Int32Array> cancel;  // JavaScript sets [0] to stop the load
};

// The thread that owns an Executor: builds it, runs its steps in order, destroys it.
class EngineThread : public Stoppable {
 public:
  EngineThread();
  ~EngineThread() override;

  // Runs `job` after those that are queued already, and after the steps begun among them have
  // ended. Jobs after the last one asked for (stop, finish) are dropped.
  void enqueue(std::function<void()> job);
  // A step of `executor`: its begin and end, which throw nothing.
  struct Step {
    std::function<bool()> begins_ahead;
    std::function<bool()> begin;  // false: there is nothing to end
    std::function<void()> end;
  };
  void enqueue(Step step);
  // Ends a load early, lets steps that were begun end, drops what is queued, destroys the executor,
  // joins. Idempotent, JavaScript thread only.
  void stop() noexcept override;
  bool stopped() const noexcept override { return !thread_.joinable(); }

  std::unique_ptr<executor::Executor> executor;  // built and destroyed by the engine thread
  std::unique_ptr<LoadCalls> load_calls;         // JavaScript thread only
  std::atomic<bool> cancelled{false};

 private:
  void loop();
  void spin() const;
  void run(Step& step);
  void end_first();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> num_queued_{0};  // what spinning looks at
  std::deque<Step> queue_;
  std::deque<std::function<void()>> begun_;  // ends of steps; the engine thread's alone
  bool stopping_ = false;
  std::thread thread_;  // last: it starts when everything above it is there
};

// One step on its way.
struct StepJob {
  executor::StepInput input;
  executor::StepOutput output;
  std::atomic<bool> claimed{false};  // by the thread that runs it, or by who took it back
  int64_t results = 0;               // which of the wrap's arrays its results go to; 0: none
};

class ExecutorWrap : public Napi::ObjectWrap<ExecutorWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // createExecutor of lib/native.ts: a promise of the wrapped executor.
  static Napi::Value create(const Napi::CallbackInfo& info);
  explicit ExecutorWrap(const Napi::CallbackInfo& info);
  ~ExecutorWrap() override;

 private:
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value step_packed(const Napi::CallbackInfo& info);
  Napi::Value sample(const Napi::CallbackInfo& info);
  Napi::Value retract(const Napi::CallbackInfo& info);
  Napi::Value queue_step(Napi::Env env, const std::function<executor::StepInput()>& parse,
                         Napi::Value results = {});
  void answer_step(Napi::Env env, StepJob& job, CodedMessage error,
                   const Napi::Promise::Deferred& deferred);
  Napi::Value open_cache(const Napi::CallbackInfo& info);
  Napi::Value close_cache(const Napi::CallbackInfo& info);
  Napi::Value expert_counts(const Napi::CallbackInfo& info);
  Napi::Value profile(const Napi::CallbackInfo& info);
  Napi::Value failure(const Napi::CallbackInfo& info);
  Napi::Value open_sampler(const Napi::CallbackInfo& info);
  Napi::Value close_sampler(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
  executor::Executor& alive(Napi::Env env);
  void count_memory(int64_t bytes);

  std::shared_ptr<EngineThread> engine_;                            // null after dispose
  int64_t counted_bytes_ = 0;                                       // what V8 was told of
  std::unordered_map<int32_t, std::weak_ptr<StepJob>> last_steps_;  // of each cache
  // Of steps on their way. Not in the jobs: those may be destroyed on the engine's thread.
  std::unordered_map<int64_t, Napi::Reference<Napi::Int32Array>> results_;
  int64_t next_results_ = 1;
};

executor::ExecutorOptions parse_options(const Napi::Object& options);

}  // namespace conclave::addon

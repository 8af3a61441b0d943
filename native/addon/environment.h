#pragma once
// Everything that belongs to one JavaScript environment (the main thread or a worker): its way back
// from engine threads, and the engines it must stop before it ends.
//
// Order at the end of an environment: cleanup hooks run last-in first-out. Ours is registered after
// the thread-safe function is made, so it runs before Node closes that function: engine threads are
// stopped and joined while they may still call it, and only then is it released. Finalizers of
// wrapped objects come later and find their engine stopped.
#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

namespace conclave::addon {

// A thread that an environment can stop: it must end soon after `stop` and be joined when that
// returns.
class Stoppable {
 public:
  virtual ~Stoppable() = default;
  virtual void stop() noexcept = 0;
  virtual bool stopped() const noexcept = 0;
};

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // What another thread sends to this one. Made beforehand, on the JavaScript thread, so that a
  // result can still be sent when memory has run out.
  using Task = std::function<void(Napi::Env)>;
  class Reply {
   public:
    explicit Reply(Task task) : task_(std::make_shared<std::unique_ptr<Task>>()) {
      *task_ = std::make_unique<Task>(std::move(task));
    }
    // Once.
    std::unique_ptr<Task> take() const noexcept { return std::move(*task_); }

   private:
    std::shared_ptr<std::unique_ptr<Task>> task_;  // jobs are copied
  };

  // Runs the task on the JavaScript thread. Callable from any thread; false where the environment
  // is ending.
  bool post(const Reply& reply) noexcept;

  // While something is pending the process stays alive. JavaScript thread only.
  void begin_pending();
  void end_pending();

  // Keeps an engine until it has stopped. The JavaScript object that drives it holds the other
  // share.
  void add(std::shared_ptr<Stoppable> engine) {
    std::erase_if(engines_, [](const auto& e) { return e->stopped(); });
    engines_.push_back(std::move(engine));
  }

  Napi::FunctionReference weights_class, executor_class, vocabulary_class, grammar_class;

 private:
  static void cleanup(void* self);
  Napi::Env env_;
  napi_threadsafe_function back_ = nullptr;
  int pending_ = 0;
  std::vector<std::shared_ptr<Stoppable>> engines_;
};

}  // namespace conclave::addon

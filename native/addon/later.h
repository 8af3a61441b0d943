#pragma once
// Work for an engine's thread, and the promise of its result.
#include <napi.h>

#include <memory>
#include <utility>

#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/executor_wrap.h"

namespace conclave::addon {

// The way of one piece of work back to JavaScript. The process stays alive until then.
template <class Settle>
class Answer {
 public:
  Answer(Napi::Env env, Settle settle)
      : environment_(&Environment::of(env)),
        error_(std::make_shared<CodedMessage>()),
        deferred_(Napi::Promise::Deferred::New(env)),
        reply_(
            [=, environment = environment_, error = error_, deferred = deferred_](Napi::Env env) {
              environment->end_pending();
              settle(env, deferred, *error);
            }) {}

  // True where nothing left `work`; its error is kept.
  template <class Work>
  bool try_to(Work&& work) const {
    try {
      work();
      return true;
    } catch (...) {
      *error_ = describe_current_exception();
      return false;
    }
  }
  void send() const { environment_->post(reply_); }
  // On the JavaScript thread, once the work is queued.
  Napi::Promise promise() const {
    environment_->begin_pending();
    return deferred_.Promise();
  }

 private:
  Environment* environment_;
  std::shared_ptr<CodedMessage> error_;
  Napi::Promise::Deferred deferred_;
  Environment::Reply reply_;
};

// Runs `work()` on `thread`, then `settle(env, deferred, error)` on the JavaScript thread, where
// `error` is what left `work`; its code is empty where nothing did. Neither may hold a share of
// `thread`: its last one would be dropped, and joined, by itself.
template <class Work, class Settle>
Napi::Promise later(Napi::Env env, EngineThread& thread, Work work, Settle settle) {
  const Answer answer(env, settle);
  thread.enqueue([=] {
    answer.try_to(work);
    answer.send();
  });
  return answer.promise();
}

// The same of a step: `begin` and `end` may have another step's between them.
template <class Ahead, class Begin, class End, class Settle>
Napi::Promise later(Napi::Env env, EngineThread& thread, Ahead begins_ahead, Begin begin, End end,
                    Settle settle) {
  const Answer answer(env, settle);
  thread.enqueue(EngineThread::Step{begins_ahead,
                                    [=] {
                                      const bool begun = answer.try_to(begin);
                                      if (!begun) answer.send();
                                      return begun;
                                    },
                                    [=] {
                                      answer.try_to(end);
                                      answer.send();
                                    }});
  return answer.promise();
}

// The same on a thread of its own that ends with it.
template <class Work, class Settle>
Napi::Promise once(Napi::Env env, Work work, Settle settle) {
  auto thread = std::make_shared<EngineThread>();
  Environment::of(env).add(thread);
  const std::weak_ptr<EngineThread> keep = thread;
  return later(env, *thread, std::move(work),
               [=](Napi::Env env, const auto& deferred, const CodedMessage& error) {
                 if (const std::shared_ptr<EngineThread> thread = keep.lock()) thread->stop();
                 settle(env, deferred, error);
               });
}

}  // namespace conclave::addon

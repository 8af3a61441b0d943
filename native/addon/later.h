#pragma once
// Work for an engine's thread, and the promise of its result.
#include <napi.h>

#include <memory>
#include <utility>

#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/executor_wrap.h"

namespace conclave::addon {

// Runs `work()` on `thread`, then `settle(env, deferred, error)` on the JavaScript thread, where
// `error` is what left `work`; its code is empty where nothing did. The process stays alive until
// then. Neither may hold a share of `thread`: its last one would be dropped, and joined, by itself.
template <class Work, class Settle>
Napi::Promise later(Napi::Env env, EngineThread& thread, Work work, Settle settle) {
  Environment& environment = Environment::of(env);
  const auto deferred = Napi::Promise::Deferred::New(env);
  auto error = std::make_shared<CodedMessage>();
  const Environment::Reply reply([=, &environment](Napi::Env env) {
    environment.end_pending();
    settle(env, deferred, *error);
  });
  thread.enqueue([=, &environment] {
    try {
      work();
    } catch (...) {
      *error = describe_current_exception();
    }
    environment.post(reply);
  });
  environment.begin_pending();
  return deferred.Promise();
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

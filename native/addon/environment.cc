#include "addon/environment.h"

#include "addon/errors.h"

namespace conclave::addon {
namespace {

using Task = Environment::Task;

// Reports what a task threw where uncaught errors are, never lost. Nothing leaves, for the caller
// is C; while an environment ends not even an error can be made.
void report_uncaught(Napi::Env env) noexcept {
  try {
    try {
      throw;
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    } catch (...) {
      to_js(env, describe_current_exception()).ThrowAsJavaScriptException();
    }
  } catch (...) {
  }
}

void run_on_js(napi_env raw, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (raw == nullptr) return;  // the environment is ending
  const Napi::Env env(raw);
  try {
    const Napi::HandleScope scope(env);
    (*task)(env);
  } catch (...) {
    report_uncaught(env);
  }
}

}  // namespace

Environment::Environment(Napi::Env env) : env_(env) {
  const Napi::String name = Napi::String::New(env, "conclave");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr,
                                      run_on_js, &back_) != napi_ok) {
    throw Napi::Error::New(env, "Expected a thread-safe function, but Node gave none.");
  }
  napi_unref_threadsafe_function(env, back_);
  napi_add_env_cleanup_hook(env, cleanup, this);
}

bool Environment::post(const Reply& reply) noexcept {
  std::unique_ptr<Task> task = reply.take();
  const napi_status sent = napi_call_threadsafe_function(back_, task.get(), napi_tsfn_nonblocking);
  if (sent == napi_ok) task.release();  // run_on_js owns it
  return sent == napi_ok;
}

void Environment::begin_pending() {
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, back_);
}

void Environment::end_pending() {
  if (--pending_ == 0) napi_unref_threadsafe_function(env_, back_);
}

void Environment::cleanup(void* self) {
  Environment* environment = static_cast<Environment*>(self);
  for (const auto& engine : environment->engines_) engine->stop();
  napi_release_threadsafe_function(environment->back_, napi_tsfn_release);
}

}  // namespace conclave::addon

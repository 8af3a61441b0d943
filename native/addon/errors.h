#pragma once
// C++ errors → JavaScript errors with a `code`. Every entry point runs inside `guarded`: nothing
// else may leave the addon.
#include <napi.h>

#include <new>

#include "core/error.h"

namespace conclave::addon {

struct CodedMessage {
  std::string code, message;
};

// The code and sentence of the exception in flight; call it from a catch block.
inline CodedMessage describe_current_exception() {
  try {
    throw;
  } catch (const Error& e) {
    return {e.code(), e.what()};
  } catch (const std::bad_alloc&) {
    return {"insufficient_memory",
            "Expected more free memory, but an allocation failed. Use a smaller maxContext, "
            "kvPages or int8 weights."};
  } catch (const std::exception& e) {
    return {"engine_failed", std::string("An internal check failed: ") + e.what()};
  } catch (...) {
    return {"engine_failed", "An internal check failed."};
  }
}

inline Napi::Error to_js(Napi::Env env, const CodedMessage& error) {
  Napi::Error js = Napi::Error::New(env, error.message);
  js.Value().Set("code", error.code);
  return js;
}

template <class Fn>
Napi::Value guarded(Napi::Env env, Fn&& fn) {
  try {
    return fn();
  } catch (const Napi::Error&) {
    throw;  // already a JavaScript error
  } catch (...) {
    throw to_js(env, describe_current_exception());
  }
}

}  // namespace conclave::addon

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

// Short enough to need no memory; `to_js` spells it out.
inline constexpr const char* kNoMemory = "no memory";

// The code and sentence of the exception in flight; call it from a catch block. Threads without
// anybody above them call it when memory has run out, so nothing leaves it.
inline CodedMessage describe_current_exception() noexcept {
  try {
    try {
      throw;
    } catch (const Error& e) {
      return {e.code(), e.what()};
    } catch (const std::bad_alloc&) {
      return {kNoMemory, {}};
    } catch (const std::exception& e) {
      return {"engine_failed", std::string("An internal check failed: ") + e.what()};
    } catch (...) {
      return {"engine_failed", "An internal check failed."};
    }
  } catch (...) {
    return {kNoMemory, {}};
  }
}

inline Napi::Error to_js(Napi::Env env, const CodedMessage& error) {
  const bool no_memory = error.code == kNoMemory;
  Napi::Error js = Napi::Error::New(
      env, no_memory ? "Expected more free memory, but an allocation failed. Use a smaller "
                       "maxContext, kvPages or int8 weights."
                     : error.message);
  js.Value().Set("code", no_memory ? "insufficient_memory" : error.code);
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

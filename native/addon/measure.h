#pragma once
// measure of lib/native.ts: a promise of what this machine gives at most, measured now (about a
// second, all threads).
#include <napi.h>

namespace conclave::addon {

Napi::Value measure(const Napi::CallbackInfo& info);

}  // namespace conclave::addon

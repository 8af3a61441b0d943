#pragma once
// A step's arrays as they cross: StepBatch and StepResult of lib/native.ts, or both packed into one
// array each (lib/engine/packed-step.ts), which costs a fraction of the calls.
#include <napi.h>

#include "executor/executor.h"

namespace conclave::addon {

executor::StepInput parse_step(const Napi::Object& batch);

// kHeader numbers (tokens, sequences, rows, max_pages, cache, flags: 1 logits, 2 routes, 4 hidden,
// 8 no expert counts), then the arrays in the order of StepBatch.
executor::StepInput unpack_step(const Napi::Value& words);

// Where `results` has room: rows, top_n, ms and idle_ms (f32) at its start, then token_ids, status,
// logprobs, top_ids, top_logprobs; the value holds what does not fit there, or is null where
// nothing is left. Otherwise the value is the whole StepResult.
Napi::Value step_value(Napi::Env env, executor::StepOutput& out,
                       const Napi::Reference<Napi::Int32Array>& results);

}  // namespace conclave::addon

#pragma once
// Decode steps in few shapes, so that a device can record one and replay it for others.
#include "executor/executor.h"

namespace conclave::executor {

// Each sequence has one token, and the logits of all are wanted.
bool is_decode(const StepInput& input);

// The same step for the next power of two of sequences (at most max_rows) and of pages. What is
// added has a kv_length of 0, and its answers are looked at by nobody.
StepInput pad_decode(const StepInput& input, int64_t max_rows);

}  // namespace conclave::executor

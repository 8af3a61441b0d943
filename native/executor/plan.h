#pragma once
// Where each activation lies: values share memory when their lives do not overlap.
#include "executor/graph.h"

namespace conclave::executor {

struct MemoryPlan {
  std::vector<int64_t> offsets;  // (values) bytes from the arena's start
  int64_t bytes = 0;
  int64_t max_tokens = 0, max_rows = 0;
  // Chosen experts outlive the step: those of the i-th moe_route lie at i · routes_pitch.
  int64_t routes_pitch = 0;
};

// A plan that holds for every step of at most max_tokens tokens and max_rows rows of logits.
MemoryPlan plan_memory(const Graph& graph, int64_t max_tokens, int64_t max_rows);

}  // namespace conclave::executor

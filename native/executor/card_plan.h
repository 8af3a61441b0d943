#pragma once
// What a graph takes of a card beside weights, KV pages and activations: scratch memory of its
// kernels, as cuda/scratch.h has it.
#include "executor/executor.h"

namespace conclave::executor {

struct ScratchPlan {
  int64_t bytes = 0;
  // More for each page that the longest sequence may have, where max_sequences decode at once.
  int64_t bytes_per_page = 0;
};

// For steps of at most options.max_batch_tokens tokens of options.max_sequences sequences.
ScratchPlan plan_scratch(const Graph& graph, const ExecutorOptions& options);

}  // namespace conclave::executor

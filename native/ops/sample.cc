#include "ops/sample.h"

#include <string>

#include "core/error.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"
#include "ops/sample_math.h"

namespace conclave::ops {
namespace {

void check(const Tensor& logits, size_t num_states) {
  if (logits.shape.rank != 2 || logits.dtype != DType::f32 ||
      logits.shape[0] != static_cast<int64_t>(num_states) || logits.shape[1] < 1)
    throw Error("engine_failed",
                "sample: expected f32 logits (num_rows, vocab_size) with one sampler a "
                "row, but got " +
                    std::to_string(num_states) + " samplers for " +
                    std::to_string(logits.shape[0]) + " rows.");
  if (logits.shape[1] > kMaxSampledIds)
    throw Error("engine_failed", "sample: expected at most " + std::to_string(kMaxSampledIds) +
                                     " tokens to choose from, but got " +
                                     std::to_string(logits.shape[1]) + ".");
}

// Alternatives of a token at most: what a card has room for in shared memory.
constexpr int32_t kMaxLogprobs = 1024;

// What the state remembers of a token that was sampled for it.
void count_in(SamplerState& state, int32_t token) {
  state.generated_counts[token]++;
  state.num_generated++;
  const std::vector<int32_t>& ends = state.params.banned_until_min;
  const bool ended = std::find(ends.begin(), ends.end(), token) != ends.end();
  if (state.matcher && !ended) state.matcher->accept(token);
}

}  // namespace

void sample(std::vector<SampleResult>& results, Tensor logits,
            const std::vector<SamplerState*>& states, Stream& stream) {
  check(logits, states.size());
  results.assign(states.size(), SampleResult{});
  // All that may run out of memory happens out here: a task of the pool must not throw.
  for (size_t r = 0; r < states.size(); r++) {
    if (states[r] == nullptr || states[r]->params.logprobs < 0) continue;
    if (states[r]->params.logprobs > kMaxLogprobs)
      throw Error("invalid_request", "Expected at most 1024 logprobs, but got " +
                                         std::to_string(states[r]->params.logprobs) + ".");
    results[r].top_ids.assign(static_cast<size_t>(states[r]->params.logprobs), -1);
    results[r].top_logprobs.assign(results[r].top_ids.size(), 0.0f);
  }
  if (stream.kind == DeviceKind::cuda) cuda::sample(results, logits, states, on_cuda(stream));
  else cpu::sample(results, logits, states, on_cpu(stream));
  for (size_t r = 0; r < states.size(); r++) {
    if (states[r] != nullptr && results[r].token_id >= 0) count_in(*states[r], results[r].token_id);
  }
}

}  // namespace conclave::ops

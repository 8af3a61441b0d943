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

void Sampling::ask(Tensor logits, std::vector<SamplerState*> given, int32_t* chosen,
                   Stream& stream) {
  check(logits, given.size());
  states_ = std::move(given);
  asked_ = {};
  const std::vector<SamplerState*>& states = states_;
  std::vector<SampleResult>& results = results_;
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
  if (stream.kind == DeviceKind::cuda) {
    asked_ = cuda::ask_sample(logits, states, chosen, on_cuda(stream));
    return;
  }
  cpu::sample(results, logits, states, on_cpu(stream));
  for (size_t r = 0; r < states.size() && chosen != nullptr; r++)
    if (states[r] != nullptr) chosen[r] = results[r].token_id;
}

std::vector<SampleResult> Sampling::take() {
  if (!asked_.rows.empty()) cuda::take_sampled(results_, states_, asked_);
  for (size_t r = 0; r < states_.size(); r++) {
    if (states_[r] != nullptr && results_[r].token_id >= 0)
      count_in(*states_[r], results_[r].token_id);
  }
  return std::move(results_);
}

void sample(std::vector<SampleResult>& results, Tensor logits,
            const std::vector<SamplerState*>& states, Stream& stream) {
  Sampling sampling;
  sampling.ask(logits, states, nullptr, stream);
  if (stream.kind == DeviceKind::cuda) cuda::runtime::wait(on_cuda(stream).queue);
  results = sampling.take();
}

}  // namespace conclave::ops

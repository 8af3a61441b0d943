#pragma once
// sample: one token id from each row of logits, in transformers' order:
//   logit_bias → repetition, presence, frequency penalties → ids banned until min_tokens →
//   temperature → top_k → top_p → min_p → draw
//   Temperature 0 is greedy (ties: the lowest id). top_k keeps all that equal the k-th; top_p keeps
//   a token while those above it hold less than top_p (ties: the lower id is above), at least one.
//   The draw for the n-th new token of a request is a pure function of (seed, n): a batch, a
//   preemption or a chunk cannot change it. Weights come from our own exp in f64 and are whole
//   numbers, so their sums have no order (sample_math.h): equal logits give equal samples, and
//   equal logprobs, on every machine and device. Last of all a grammar masks what it does not
//   allow; ids of banned_until_min come only where it may end. Where nothing is left the status
//   says why, and there is no token. A row with NaN or +Inf, or with no finite logit, gives status
//   numerical_error and no token; ids from vocab_limit on are not looked at. A null state leaves
//   its row alone. `logprobs` are of the distribution after logit_bias and penalties but before
//   temperature (OpenAI's definition: log-softmax of the model's own logits where no bias or
//   penalty applies).
//
//   shapes  logits (num_rows, vocab_size) f32, not written; vocab_size < 2^20
//   cost    one read of the row where greedy or with top_k; an f64 exp a token otherwise and for
//           logprobs. 151,936 tokens on one core of an AVX-512 server: 0.08 ms greedy, 0.09 ms
//           top_k 20, 0.8 ms with neither top_k nor top_p, 1.2 ms top_p 0.95 alone
//   source  transformers' LogitsProcessorList; Keskar et al. 2019 (repetition penalty),
//           arXiv:1909.05858; min_p: Nguyen et al. 2024, arXiv:2407.01082
#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/device.h"
#include "core/tensor.h"
#include "grammar/matcher.h"

namespace conclave::ops {

struct SamplingParams {
  float temperature = 1, top_p = 1, min_p = 0;
  int32_t top_k = 0;  // 0: off
  float repetition_penalty = 1, presence_penalty = 0, frequency_penalty = 0;
  uint64_t seed = 0;
  int32_t logprobs = -1;    // −1: none; 0 … 1024: the chosen token's and so many alternatives'
  int32_t vocab_limit = 0;  // ids from here on are masked (padded vocabulary rows); 0: none
  std::vector<int32_t> bias_ids;
  std::vector<float> bias_values;
  std::vector<int32_t>
      banned_until_min;  // ids (eos and stop ids) masked while fewer than min_tokens are generated
  int32_t min_tokens = 0;
  int32_t max_tokens = 0;  // of the answer; a grammar ends in time for it; 0: any number
};

// What the sampler remembers of one sequence; kept natively so that a step passes no history.
struct SamplerState {
  SamplingParams params;
  std::unordered_map<int32_t, int32_t> prompt_counts;  // repetition penalty looks at both
  std::unordered_map<int32_t, int32_t>
      generated_counts;  // presence and frequency at this one alone
  int32_t num_generated = 0;
  std::unique_ptr<grammar::Matcher> matcher;  // null: any text

  // Tokens that may still come, for the matcher.
  int64_t tokens_left() const {
    return params.max_tokens > 0 ? std::max(1, params.max_tokens - num_generated) : 0;
  }
};

// The last four are a grammar's: no token fits; too much work; whole, and nothing may follow; ok,
// but narrowed so that the answer ends in time.
enum class SampleStatus : int32_t {
  ok = 0,
  numerical_error = 1,
  grammar_dead = 2,
  grammar_limit = 3,
  grammar_complete = 4,
  ok_closing = 5,
};

struct SampleResult {
  SampleStatus status = SampleStatus::ok;
  int32_t token_id = -1;
  float logprob = 0;             // of token_id; meaningful where params.logprobs ≥ 0
  std::vector<int32_t> top_ids;  // params.logprobs of them, best first
  std::vector<float> top_logprobs;
};

// Samples row r of logits (num_rows, vocab_size) for states[r], and counts the token into the
// state.
void sample(std::vector<SampleResult>& results, Tensor logits,
            const std::vector<SamplerState*>& states, Stream& stream);

// Rows that a card was asked for, and where in the host's memory its answers come to lie.
struct AskedRows {
  const std::byte* answers = nullptr;
  std::vector<size_t> rows;
  int alternatives = 0;
};

// The same in two calls, so that the host goes on while a card works. One at a time on a stream.
class Sampling {
 public:
  // The states live until `take`, and nobody counts a token into them. chosen (num_rows) i32, where
  // the device has its memory, gets the id of each row with a state, −1 where there is none, before
  // what the device is asked for next; null: nobody reads it.
  void ask(Tensor logits, std::vector<SamplerState*> states, int32_t* chosen, Stream& stream);
  // When the device has done that: the results. Counts each token into its state.
  std::vector<SampleResult> take();

 private:
  std::vector<SamplerState*> states_;
  std::vector<SampleResult> results_;
  AskedRows asked_;
};

}  // namespace conclave::ops

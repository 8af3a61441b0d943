// A whole model through the CUDA kernels, which the host runs: prefill and recorded decode steps
// choose the tokens that the CPU path chooses.
#include <cmath>
#include <cstdio>

#include "expect.h"
#include "golden_model.h"
#include "simt/options.h"

namespace conclave::test {
namespace {

constexpr int kPage = 96;  // a page holds the longest prompt here and its answer

// The prompt again and again: enough tokens in one step for the kernels of large batches.
GoldenModel long_prompt(GoldenModel model) {
  const std::vector<int32_t> once = model.prompt;
  while (model.prompt.size() < 80)
    model.prompt.insert(model.prompt.end(), once.begin(), once.end());
  model.name += ", a long prompt";
  return model;
}

// Largest difference of logits, as a share of the largest logit.
double worst(const Answer& a, const Answer& b) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.logits.size(); i++) {
    const double difference = std::fabs(double{a.logits[i]} - b.logits[i]);
    error = difference <= error ? error : difference;  // NaN stays
    size = std::max(size, std::fabs(double{a.logits[i]}));
  }
  return error / size;
}

void compare(const GoldenModel& model, executor::WeightPolicy weights, DType kv, double tolerance,
             const std::string& what, bool deterministic = true) {
  executor::ExecutorOptions options = small_options(2);
  options.page_size = options.max_batch_tokens = kPage;
  options.weights = weights;
  options.deterministic = deterministic;
  options.kv_dtype = kv;
  const Answer cpu = load_and_generate(model, options);
  options.device = DeviceKind::cuda;
  const Answer card = load_and_generate(model, options);
  expect(card.tokens == cpu.tokens, model.name + " " + what + ": other tokens");
  expect(worst(cpu, card) <= tolerance,
         model.name + " " + what + ": logits differ by " + std::to_string(worst(cpu, card)));
}

// ---- sampling

std::vector<ops::SamplingParams> settings() {
  std::vector<ops::SamplingParams> all(6);
  all[0].temperature = 0, all[0].logprobs = 0;
  all[1].seed = 11, all[1].logprobs = 5;
  all[2].seed = 12, all[2].top_k = 20, all[2].top_p = 0.8f;
  all[3].seed = 13, all[3].temperature = 1.3f, all[3].top_p = 0.9f, all[3].min_p = 0.01f;
  all[4].seed = 14, all[4].repetition_penalty = 1.4f, all[4].presence_penalty = 0.5f;
  all[4].frequency_penalty = 0.3f, all[4].logprobs = 3;
  all[5].temperature = 0, all[5].frequency_penalty = 2, all[5].bias_ids = {7, 300, 7};
  all[5].bias_values = {1.5f, 4, 0.25f};
  return all;
}

// The prompt with other ids in front, so that sequences differ.
std::vector<int32_t> prompt_of(const GoldenModel& model, int32_t s) {
  std::vector<int32_t> ids{s + 1, 2 * s + 3};
  ids.insert(ids.end(), model.prompt.begin(), model.prompt.end());
  return ids;
}

// Sequences in one batch: their prompts in one step, then decode steps that take each token from
// the step before.
struct Sequences {
  std::vector<int32_t> lengths;
  executor::StepInput step;

  explicit Sequences(const GoldenModel& model, size_t count) {
    step.max_pages = 1;
    step.query_starts = {0};
    for (size_t s = 0; s < count; s++) {
      const std::vector<int32_t> ids = prompt_of(model, static_cast<int32_t>(s));
      for (size_t i = 0; i < ids.size(); i++) step.positions.push_back(static_cast<int32_t>(i));
      step.token_ids.insert(step.token_ids.end(), ids.begin(), ids.end());
      lengths.push_back(static_cast<int32_t>(ids.size()));
      step.query_starts.push_back(static_cast<int32_t>(step.token_ids.size()));
      step.logit_rows.push_back(step.query_starts.back() - 1);
      step.page_tables.push_back(static_cast<int32_t>(s));
    }
    step.kv_lengths = lengths;
  }
  void next() {
    step.token_ids.clear();
    step.logit_rows.clear();
    step.query_starts = {0};
    step.positions = lengths;
    for (size_t s = 0; s < lengths.size(); s++) {
      step.token_ids.push_back(-1 - static_cast<int32_t>(s));
      step.logit_rows.push_back(static_cast<int32_t>(s));
      step.query_starts.push_back(static_cast<int32_t>(s) + 1);
      step.kv_lengths[s] = ++lengths[s];
    }
  }
};

executor::ExecutorOptions batch_options(DeviceKind device) {
  executor::ExecutorOptions options = small_options(2);
  options.page_size = options.max_batch_tokens = kPage;
  options.max_sequences = options.num_pages = static_cast<int64_t>(settings().size());
  options.weights = executor::WeightPolicy::f32;
  options.device = device;
  return options;
}

ops::SamplerState state_of(const ops::SamplingParams& params, const std::vector<int32_t>& prompt) {
  ops::SamplerState state;
  state.params = params;
  for (const int32_t id : prompt) state.prompt_counts[id]++;
  return state;
}

// Tokens of every sequence, and the alternatives' ids, step by step.
std::vector<int32_t> sampled_together(const GoldenModel& model, DeviceKind device) {
  const auto executor = make_executor(model, open_store(model), batch_options(device));
  const std::vector<ops::SamplingParams> all = settings();
  Sequences sequences(model, all.size());
  for (size_t s = 0; s < all.size(); s++) {
    const std::vector<int32_t> prompt = prompt_of(model, static_cast<int32_t>(s));
    sequences.step.samplers.push_back(executor->open_sampler(state_of(all[s], prompt)));
  }
  std::vector<int32_t> answer;
  for (int i = 0; i < 8; i++) {
    const executor::StepOutput out = executor->step(sequences.step);
    answer.insert(answer.end(), out.token_ids.begin(), out.token_ids.end());
    answer.insert(answer.end(), out.top_ids.begin(), out.top_ids.end());
    sequences.next();
  }
  return answer;
}

// A row's logits that came back, sampled on the host, give what the card has sampled of them.
void same_on_the_host(const GoldenModel& model) {
  const auto executor = make_executor(model, open_store(model), batch_options(DeviceKind::cuda));
  const std::vector<ops::SamplingParams> all = settings();
  Sequences sequences(model, all.size());
  std::vector<int32_t> on_host, prompt_handles;
  for (size_t s = 0; s < all.size(); s++) {
    const std::vector<int32_t> prompt = prompt_of(model, static_cast<int32_t>(s));
    prompt_handles.push_back(executor->open_sampler(state_of(all[s], prompt)));
    on_host.push_back(executor->open_sampler(state_of(all[s], prompt)));
  }
  sequences.step.samplers = prompt_handles;
  sequences.step.want_logits = true;
  executor::StepOutput out = executor->step(sequences.step);
  const auto vocab = static_cast<int64_t>(out.logits.size() / all.size());
  for (size_t s = 0; s < all.size(); s++) {
    float* row = out.logits.data() + static_cast<int64_t>(s) * vocab;
    const executor::StepOutput host = executor->sample(on_host[s], row, vocab);
    const std::string what = model.name + ", row " + std::to_string(s);
    expect(host.token_ids[0] == out.token_ids[s], what + ": the host samples another token");
    expect(host.logprobs[0] == out.logprobs[s], what + ": the host has another logprob");
    for (int32_t i = 0; i < host.top_n; i++) {
      const size_t mine = static_cast<size_t>(i);
      const size_t theirs = s * static_cast<size_t>(out.top_n) + mine;
      expect(host.top_ids[mine] == out.top_ids[theirs] &&
                 host.top_logprobs[mine] == out.top_logprobs[theirs],
             what + ": the host has other alternatives");
    }
  }
}

}  // namespace
}  // namespace conclave::test

int main() {
  using namespace conclave;
  using namespace conclave::test;
  // Kernels that may start before the one in front of them has ended do so.
  simt::options().holds_back = true;
  for (const char* name : {"moe-f32", "moe-norm-false-tied-sharded"}) {
    const GoldenModel model(name);
    using executor::WeightPolicy;
    expect(sampled_together(model, DeviceKind::cuda) == sampled_together(model, DeviceKind::cpu),
           model.name + ": other tokens are sampled");
    same_on_the_host(model);
    compare(model, WeightPolicy::f32, DType::f32, 1e-4, "f32");
    compare(model, WeightPolicy::bf16, DType::bf16, 0.02, "bf16");
    compare(model, WeightPolicy::int8, DType::bf16, 0.02, "int8");
    compare(model, WeightPolicy::int8, DType::i8, 0.02, "int8, int8 pages");
    // Pages in f32: in bf16 the last bit of a key, which may round either way, moves these logits
    // by up to 2.5 % on the portable kernels and on Hopper's alike, and would hide a fault of
    // theirs.
    const GoldenModel longer = long_prompt(model);
    compare(longer, WeightPolicy::bf16, DType::f32, 0.01, "bf16 on Hopper", false);
    compare(longer, WeightPolicy::int8, DType::f32, 0.01, "int8 on Hopper", false);
  }
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

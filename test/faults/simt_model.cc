// A whole model through the CUDA kernels, which the host runs: prefill and recorded decode steps
// choose the tokens that the CPU path chooses.
#include <cmath>
#include <cstdio>

#include "cuda/card.h"
#include "expect.h"
#include "golden_model.h"
#include "simt/driver.h"
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

constexpr int kSampledSteps = 8;

void add(std::vector<int32_t>& answer, const executor::StepOutput& out) {
  answer.insert(answer.end(), out.token_ids.begin(), out.token_ids.end());
  answer.insert(answer.end(), out.top_ids.begin(), out.top_ids.end());
}

void open_samplers(executor::StepInput& step, executor::Executor& executor,
                   const GoldenModel& model) {
  const std::vector<ops::SamplingParams> all = settings();
  for (size_t s = 0; s < all.size(); s++) {
    const std::vector<int32_t> prompt = prompt_of(model, static_cast<int32_t>(s));
    step.samplers.push_back(executor.open_sampler(state_of(all[s], prompt)));
  }
}

// Tokens of every sequence, and the alternatives' ids, step by step.
std::vector<int32_t> sampled_together(const GoldenModel& model, DeviceKind device) {
  const auto executor = make_executor(model, open_store(model), batch_options(device));
  Sequences sequences(model, settings().size());
  open_samplers(sequences.step, *executor, model);
  std::vector<int32_t> answer;
  for (int i = 0; i < kSampledSteps; i++) {
    add(answer, executor->step(sequences.step));
    sequences.next();
  }
  return answer;
}

// The same, each step begun before the one in front of it is ended, on a queue of which nothing is
// done before somebody waits for it.
std::vector<int32_t> sampled_ahead(const GoldenModel& model) {
  const auto executor = make_executor(model, open_store(model), batch_options(DeviceKind::cuda));
  Sequences sequences(model, settings().size());
  open_samplers(sequences.step, *executor, model);
  simt::Driver& driver = simt::driver();
  std::vector<int32_t> answer;
  executor->begin(sequences.step);
  int64_t waits = 0;
  for (int i = 0; i < kSampledSteps; i++) {
    const std::string what = model.name + ", step " + std::to_string(i);
    sequences.next();
    // The third decode step is replayed, and nothing grows any more.
    if (i == 3) waits = driver.num_queue_waits;
    if (i + 1 < kSampledSteps) {
      const int64_t asked = driver.num_asked, done = driver.num_done;
      expect(executor->begins_ahead(sequences.step),
             what + ": the next one begins ahead of its end");
      executor->begin(sequences.step);
      if (i >= 3) {
        expect(driver.num_asked > asked && driver.num_done == done,
               what + ": the next one is asked for before this one is awaited");
      }
    }
    add(answer, executor->end());
    expect(i + 1 == kSampledSteps || driver.num_done < driver.num_asked,
           what + ": its tokens are there before the next one is done");
  }
  expect(driver.num_queue_waits == waits, model.name + ": nobody waits for a whole queue");
  return answer;
}

// A row that gives no token leaves the others alone, in its step and in the one begun ahead of its
// end.
void lone_row_without_token(const GoldenModel& model, const std::vector<int32_t>& all_well) {
  const auto executor = make_executor(model, open_store(model), batch_options(DeviceKind::cuda));
  const size_t rows = settings().size(), ill = 3;
  Sequences sequences(model, rows);
  open_samplers(sequences.step, *executor, model);
  executor->close_sampler(sequences.step.samplers[ill]);
  ops::SamplingParams params = settings()[ill];
  params.bias_ids = {5};
  params.bias_values = {INFINITY};
  sequences.step.samplers[ill] =
      executor->open_sampler(state_of(params, prompt_of(model, static_cast<int32_t>(ill))));
  std::vector<int32_t> answer;
  executor->begin(sequences.step);
  for (int i = 0; i < kSampledSteps; i++) {
    sequences.next();
    if (i + 1 < kSampledSteps) executor->begin(sequences.step);
    executor::StepOutput out = executor->end();
    expect(out.token_ids[ill] == -1 &&
               out.status[ill] == static_cast<int32_t>(ops::SampleStatus::numerical_error),
           model.name + ": the row says that its logits are not finite");
    out.token_ids[ill] = all_well[answer.size() + ill];
    add(answer, out);
  }
  expect(answer == all_well, model.name + ": other rows sample what they do without it");
}

// A step that is refused ends alone; the one begun before it is not touched.
void refused_behind_another(const GoldenModel& model, const std::vector<int32_t>& all_well) {
  const auto executor = make_executor(model, open_store(model), batch_options(DeviceKind::cuda));
  Sequences sequences(model, settings().size());
  open_samplers(sequences.step, *executor, model);
  executor->begin(sequences.step);
  sequences.next();
  executor::StepInput wrong = sequences.step;
  wrong.token_ids[2] = -1 - static_cast<int32_t>(settings().size());
  try {
    executor->begin(wrong);
    expect(false, model.name + ": a row that the step before did not have");
  } catch (const Error& error) {
    expect(error.code() == std::string("invalid_request"), model.name + ": " + error.what());
  }
  std::vector<int32_t> answer;
  add(answer, executor->end());
  expect(std::equal(answer.begin(), answer.end(), all_well.begin()),
         model.name + ": the step before it");
}

// Checks that catch what they are there for: tokens looked at before they are there are others.
void marks_that_lie(const GoldenModel& model, const std::vector<int32_t>& all_well) {
  simt::driver().marks_lie = true;
  const auto executor = make_executor(model, open_store(model), batch_options(DeviceKind::cuda));
  Sequences sequences(model, settings().size());
  open_samplers(sequences.step, *executor, model);
  sequences.step.count_experts = false;
  std::vector<int32_t> answer;
  add(answer, executor->step(sequences.step));
  simt::driver().marks_lie = false;
  expect(!std::equal(answer.begin(), answer.end(), all_well.begin()),
         model.name + ": tokens that are read too early are seen");
}

// Pieces of pinned memory are taken again once the mark behind their copies was reached, and not
// before.
void staging_in_turns() {
  cuda::CudaCard card(true);
  constexpr int64_t kPiece = 4 << 20;
  constexpr int kPieces = 12;
  std::byte* memory = card.allocate(kPieces * kPiece);
  for (int i = 0; i < kPieces; i++) {
    const std::vector<std::byte> piece(static_cast<size_t>(kPiece), std::byte(i + 1));
    card.write(memory + i * kPiece, piece.data(), kPiece);
    if (i % 3 == 0) card.set_mark();
    if (i % 3 == 2) card.reach_mark([] { return false; });
  }
  std::vector<std::byte> all(static_cast<size_t>(kPieces * kPiece));
  card.read(all.data(), memory, kPieces * kPiece);
  bool same = true;
  for (size_t at = 0; at < all.size(); at++)
    same = same && all[at] == std::byte(at / static_cast<size_t>(kPiece) + 1);
  expect(same, "no copy reads what was written for another");
  card.free(memory);
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
    const std::vector<int32_t> on_cpu = sampled_together(model, DeviceKind::cpu);
    expect(sampled_together(model, DeviceKind::cuda) == on_cpu,
           model.name + ": other tokens are sampled");
    simt::options().works_late = true;
    expect(sampled_together(model, DeviceKind::cuda) == on_cpu,
           model.name + ": other tokens are sampled where work is late");
    expect(sampled_ahead(model) == on_cpu, model.name + ": other tokens are sampled ahead");
    lone_row_without_token(model, on_cpu);
    refused_behind_another(model, on_cpu);
    marks_that_lie(model, on_cpu);
    staging_in_turns();
    simt::options().works_late = false;
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

// A whole model through the CUDA kernels, which the host runs: prefill and recorded decode steps
// choose the tokens that the CPU path chooses.
#include <cmath>
#include <cstdio>

#include "expect.h"
#include "golden_model.h"

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

}  // namespace
}  // namespace conclave::test

int main() {
  using namespace conclave;
  using namespace conclave::test;
  for (const char* name : {"moe-f32", "moe-norm-false-tied-sharded"}) {
    const GoldenModel model(name);
    using executor::WeightPolicy;
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

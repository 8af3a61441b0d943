// Bytes → parse_graph → check_graph → plan_memory; a graph that is valid and tiny is bound to real
// files and runs two steps.
#include <algorithm>

#include "claims.h"
#include "cpu/kv_layout.h"
#include "executor/executor.h"
#include "json_mutator.h"
#include "tiny_store.h"

using conclave::test::claim;
using conclave::test::refuses_only_with;
namespace executor = conclave::executor;

namespace {

constexpr int64_t kMaxBytes = 1 << 20;
constexpr int64_t kMaxTokens = 8, kMaxRows = 4;
constexpr int32_t kSequences = 2, kPages = 4;

void check_plan(const executor::Graph& graph, const executor::MemoryPlan& plan) {
  claim(plan.offsets.size() == graph.values.size(), "each value has a place");
  for (size_t id = 0; id < graph.values.size(); id++) {
    const executor::ValueInfo& v = graph.values[id];
    const bool tokens = v.leading == executor::Leading::num_tokens;
    const int64_t bytes = (tokens ? plan.max_tokens : plan.max_rows) * v.width * 4;
    const int64_t at = plan.offsets[id];
    claim(at >= 0 && (at == 0 || at <= plan.bytes - bytes), "each value lies in the arena");
  }
}

bool tiny(const executor::Graph& graph, const executor::MemoryPlan& plan) {
  if (plan.bytes > kMaxBytes || graph.nodes.size() > 100 || graph.vocab_size > 4096) return false;
  int64_t elements = 0, kv_values = 0, frequencies = 0;
  for (const executor::WeightRef& w : graph.weights) elements += w.rows * w.cols;
  for (const executor::RegionInfo& r : graph.regions) kv_values += r.num_kv_heads * r.head_dim;
  for (const std::vector<float>& table : graph.tables) {
    frequencies += static_cast<int64_t>(table.size());
  }
  return elements <= 1 << 16 && kv_values <= 4096 && frequencies <= 4096;
}

executor::ExecutorOptions options_for(size_t choice) {
  executor::ExecutorOptions options;
  options.weights = static_cast<executor::WeightPolicy>(choice % 4);
  options.kv_dtype = choice / 4 % 2 == 0 ? conclave::DType::f32 : conclave::DType::bf16;
  options.validate = choice / 8 % 4 == 0;
  options.num_threads = 1;
  options.page_size = 16;
  options.num_pages = kPages;
  options.max_batch_tokens = kMaxTokens;
  options.max_sequences = kMaxRows;
  return options;
}

// `tokens` new tokens for each of two sequences that hold `before`.
executor::StepInput step_input(const executor::Graph& graph, int32_t tokens, int32_t before,
                               int32_t sampler) {
  executor::StepInput in;
  in.query_starts = {0};
  for (int32_t s = 0; s < kSequences; s++) {
    for (int32_t t = 0; t < tokens; t++) {
      in.token_ids.push_back(static_cast<int32_t>((7 * s + 3 * t + before) % graph.vocab_size));
      in.positions.push_back(before + t);
    }
    in.query_starts.push_back((s + 1) * tokens);
    in.kv_lengths.push_back(before + tokens);
    in.page_tables.push_back(s);
    in.logit_rows.push_back((s + 1) * tokens - 1);
    in.samplers.push_back(sampler);
  }
  in.max_pages = 1;
  in.want_logits = in.want_routes = true;
  return in;
}

void run_steps(executor::Executor& executor, const executor::Graph& graph) {
  conclave::ops::SamplerState state;
  state.params.temperature = 0.7f;
  state.params.logprobs = 2;
  state.params.repetition_penalty = 1.1f;
  const int32_t sampler = executor.open_sampler(std::move(state));
  for (const auto& [tokens, before] : {std::pair{3, 0}, std::pair{1, 3}}) {
    const auto out = executor.step(step_input(graph, tokens, before, sampler));
    claim(out.logits.size() == static_cast<size_t>(kSequences * graph.vocab_size), "all logits");
    for (const int32_t id : out.token_ids) claim(id >= -1 && id < graph.vocab_size, "a real token");
  }
  executor.close_sampler(sampler);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  refuses_only_with({"invalid_config", "invalid_file"}, [&] {
    const executor::Graph graph =
        executor::parse_graph({reinterpret_cast<const char*>(data), size});
    executor::check_graph(graph);
    check_plan(graph, executor::plan_memory(graph, 512, 64));
    const executor::MemoryPlan plan = executor::plan_memory(graph, kMaxTokens, kMaxRows);
    check_plan(graph, plan);
    if (!tiny(graph, plan)) return;
    refuses_only_with({"invalid_config", "invalid_file", "unsupported_format", "numerical_error"},
                      [&] {
                        executor::Executor executor(graph, conclave::test::tiny_store(),
                                                    options_for(size), [](int64_t, int64_t) {});
                        run_steps(executor, graph);
                      });
  });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string mutated = conclave::test::mutate_json(text, max_size, seed);
  std::copy(mutated.begin(), mutated.end(), reinterpret_cast<char*>(data));
  return mutated.size();
}

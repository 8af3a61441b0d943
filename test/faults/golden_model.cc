#include "golden_model.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "io/json.h"

namespace conclave::test {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("io_error", "Expected the file " + path + ".");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<int32_t> ids_of(const io::JsonValue& list, size_t limit) {
  std::vector<int32_t> ids;
  for (const int64_t id : list.as_ints()) {
    if (ids.size() < limit) ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

// One step of one sequence whose tokens end at kv length `end`.
executor::StepInput step_input(const std::vector<int32_t>& ids, int32_t end, int32_t page,
                               int32_t sampler) {
  executor::StepInput in;
  const int32_t count = static_cast<int32_t>(ids.size());
  in.token_ids = ids;
  for (int32_t i = end - count; i < end; i++) in.positions.push_back(i);
  in.query_starts = {0, count};
  in.kv_lengths = {end};
  in.page_tables = {page};
  in.max_pages = 1;
  in.logit_rows = {count - 1};
  in.samplers = {sampler};
  in.want_logits = true;
  return in;
}

// Closes its sampler whatever happens, as a request does.
struct OpenSampler {
  executor::Executor& executor;
  int32_t handle;
  ~OpenSampler() { executor.close_sampler(handle); }
};

ops::SamplerState greedy(const GoldenModel& model) {
  ops::SamplerState state;
  state.params.temperature = 0;
  state.params.logprobs = 2;
  for (const int32_t id : model.prompt) state.prompt_counts[id]++;
  return state;
}

}  // namespace

GoldenModel::GoldenModel(const std::string& model_name) : name(model_name) {
  graph = read_text(std::string(CONCLAVE_GRAPHS) + "/" + name + ".json");
  const std::filesystem::path folder = std::filesystem::path(CONCLAVE_GOLDEN) / name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  const auto document = io::parse_json(read_text((folder / "expect.json").string()), "expect.json");
  const io::JsonValue five_ids = document.root().at("prompts").elements().at(1);
  prompt = ids_of(five_ids.at("ids"), 16);
  expected = ids_of(five_ids.at("greedy"), kDecodeSteps + 1);
}

bool Answer::operator==(const Answer& other) const {
  return tokens == other.tokens && logits.size() == other.logits.size() &&
         std::memcmp(logits.data(), other.logits.data(), logits.size() * sizeof(float)) == 0;
}

executor::ExecutorOptions small_options(int num_threads) {
  executor::ExecutorOptions options;
  options.num_threads = num_threads;
  options.page_size = 16;
  options.num_pages = 4;
  options.max_batch_tokens = 16;
  options.max_sequences = 2;
  return options;
}

std::shared_ptr<const io::WeightStore> open_store(const GoldenModel& model) {
  return std::make_shared<const io::WeightStore>(model.files);
}

std::unique_ptr<executor::Executor> make_executor(const GoldenModel& model,
                                                  std::shared_ptr<const io::WeightStore> store,
                                                  const executor::ExecutorOptions& options) {
  executor::Graph graph = executor::parse_graph(model.graph);
  executor::check_graph(graph);
  return std::make_unique<executor::Executor>(std::move(graph), std::move(store), options,
                                              [](int64_t, int64_t) {});
}

Answer generate(executor::Executor& executor, const GoldenModel& model, int32_t page) {
  Answer answer;
  const OpenSampler sampler{executor, executor.open_sampler(greedy(model))};
  std::vector<int32_t> ids = model.prompt;
  int32_t end = static_cast<int32_t>(ids.size());
  for (int i = 0; i <= kDecodeSteps; i++, end++) {
    const executor::StepOutput out = executor.step(step_input(ids, end, page, sampler.handle));
    answer.logits.insert(answer.logits.end(), out.logits.begin(), out.logits.end());
    answer.tokens.push_back(out.token_ids.at(0));
    ids = {out.token_ids.at(0)};
  }
  return answer;
}

Answer load_and_generate(const GoldenModel& model, const executor::ExecutorOptions& options) {
  const auto executor = make_executor(model, open_store(model), options);
  return generate(*executor, model);
}

}  // namespace conclave::test

#pragma once
// A golden checkpoint made to run without Node: the recorded graph from graphs/, the weights and
// the expected tokens from test/golden.
#include <memory>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "io/weight_store.h"

namespace conclave::test {

struct GoldenModel {
  std::string name;
  std::string graph;
  std::vector<std::string> files;
  std::vector<int32_t> prompt, expected;  // expected: the greedy continuation

  explicit GoldenModel(const std::string& name);
};

inline constexpr int kDecodeSteps = 3;

// Everything that a run gives, as one vector of bits to compare.
struct Answer {
  std::vector<int32_t> tokens;  // the one after the prompt, then one a decode step
  std::vector<float> logits;    // of each step's last position
  bool operator==(const Answer& other) const;
};

executor::ExecutorOptions small_options(int num_threads);
std::shared_ptr<const io::WeightStore> open_store(const GoldenModel& model);
std::unique_ptr<executor::Executor> make_executor(const GoldenModel& model,
                                                  std::shared_ptr<const io::WeightStore> store,
                                                  const executor::ExecutorOptions& options);

// Prefill and kDecodeSteps of greedy decoding in the pages from first_page on.
Answer generate(executor::Executor& executor, const GoldenModel& model, int32_t first_page = 0);

// All of it from the files on, nothing kept.
Answer load_and_generate(const GoldenModel& model, const executor::ExecutorOptions& options);

}  // namespace conclave::test

// The executor on golden checkpoints with 1, 2 and 4 threads, samplers that other threads open and
// close meanwhile, and two executors on one store: a program for ASan, UBSan, TSan and valgrind.
//   executor_run [rounds]
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>

#include "expect.h"
#include "golden_model.h"
#include "quant/int8_groups.h"

namespace conclave::test {
namespace {

using executor::WeightPolicy;

void every_thread_count(const GoldenModel& model) {
  for (const WeightPolicy policy :
       {WeightPolicy::as_stored, WeightPolicy::f32, WeightPolicy::bf16, WeightPolicy::int8}) {
    executor::ExecutorOptions options = small_options(1);
    options.weights = policy;
    options.validate = true;
    options.kv_dtype = policy == WeightPolicy::bf16 ? DType::bf16 : DType::f32;
    const Answer alone = load_and_generate(model, options);
    if (policy == WeightPolicy::f32)
      expect(alone.tokens == model.expected, model.name + ": golden");
    for (const int threads : {2, 4}) {
      options.num_threads = threads;
      expect(load_and_generate(model, options) == alone,
             model.name + ": the same bits on " + std::to_string(threads) + " threads");
    }
  }
}

void rows_that_int8_cannot_hold() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  int8_t q[2];
  float scale = 1;
  for (const float bad : {nan, infinity, -infinity}) {
    const float row[] = {1, bad};
    quant::quantise_groups(q, &scale, row, 2, 2);
    expect(std::isnan(scale), "int8: a row that is not finite stays so");
  }
  const float tiny[] = {0, 1e-45f};
  quant::quantise_groups(q, &scale, tiny, 2, 2);
  expect(scale > 0 && q[0] == 0 && q[1] == 0, "int8: a row too small to divide by is zero");
}

// open_sampler and close_sampler are the two calls that any thread may make during a step.
void samplers_come_and_go(const GoldenModel& model, int rounds) {
  const auto executor = make_executor(model, open_store(model), small_options(2));
  const Answer quiet = generate(*executor, model);
  std::atomic<bool> done{false};
  auto visitor = [&] {
    while (!done) {
      ops::SamplerState state;
      state.prompt_counts[1] = 1;
      executor->close_sampler(executor->open_sampler(std::move(state)));
      std::this_thread::yield();
    }
  };
  std::thread one(visitor), two(visitor);
  bool same = true;
  for (int i = 0; i < rounds; i++) same = same && generate(*executor, model, i % 4) == quiet;
  done = true;
  one.join();
  two.join();
  expect(same, model.name + ": the same bits while samplers come and go");
}

// The end of an environment does not wait for a long step.
void a_step_is_stopped(const GoldenModel& model) {
  std::atomic<bool> stop{false};
  executor::ExecutorOptions options = small_options(2);
  options.stop = &stop;
  const auto executor = make_executor(model, open_store(model), options);
  const Answer before = generate(*executor, model);
  stop = true;
  std::string code;
  try {
    generate(*executor, model);
  } catch (const Error& error) {
    code = error.code();
  }
  expect(code == "aborted", model.name + ": a step ends when it is stopped");
  stop = false;
  expect(generate(*executor, model) == before, model.name + ": the same bits after a stop");
}

void two_executors_share_a_store(const GoldenModel& model) {
  const auto store = open_store(model);
  const Answer alone = load_and_generate(model, small_options(1));
  std::atomic<int> same{0};
  auto user = [&] {
    if (generate(*make_executor(model, store, small_options(2)), model) == alone) same++;
    if (load_and_generate(model, small_options(1)) == alone) same++;
  };
  std::thread one(user), two(user);
  one.join();
  two.join();
  expect(same == 4, model.name + ": the same bits from two executors at once");
}

}  // namespace
}  // namespace conclave::test

int main(int argc, char** argv) {
  using namespace conclave::test;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  rows_that_int8_cannot_hold();
  for (const char* name : {"moe-f32", "moe-norm-false-tied-sharded"}) {
    const GoldenModel model(name);
    every_thread_count(model);
    samplers_come_and_go(model, rounds);
    a_step_is_stopped(model);
    two_executors_share_a_store(model);
  }
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

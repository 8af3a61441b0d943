// The CUDA backend on a driver that fails: each failure gives its named error, what can go on goes
// on, and a card that is lost is not asked anything more. A failure of the card stays for the
// process, so each case runs in one of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <thread>

#include "core/error.h"
#include "cuda/runtime.h"
#include "executor/card_plan.h"
#include "expect.h"
#include "golden_model.h"
#include "simt/driver.h"

namespace conclave::test {
namespace {

constexpr int kInvalidValue = 1, kNoMemory = 2, kNoImage = 209, kNewerPtx = 222, kNotReady = 600,
              kIllegalAddress = 700, kLaunchFailure = 719;

const GoldenModel& model() {
  static const GoldenModel golden("moe-f32");
  return golden;
}

// Enough tokens in one step for the kernels of large batches.
GoldenModel long_prompt() {
  GoldenModel longer = model();
  while (longer.prompt.size() < 80)
    longer.prompt.insert(longer.prompt.end(), model().prompt.begin(), model().prompt.end());
  return longer;
}

executor::ExecutorOptions options_of(DeviceKind device) {
  executor::ExecutorOptions options = small_options(1);
  options.device = device;
  return options;
}

std::unique_ptr<executor::Executor> load(DeviceKind device = DeviceKind::cuda) {
  return make_executor(model(), open_store(model()), options_of(device));
}

// From now on the `countdown`-th call of `call` answers `status`, and those behind it.
void plan_failure(const char* call, int countdown, int status, int times = 1 << 30) {
  simt::Driver& driver = simt::driver();
  driver.failing = call;
  driver.countdown = countdown;
  driver.status = status;
  driver.times = times;
}

struct Outcome {
  std::string code, message;
};

template <class Run>
Outcome outcome(Run&& run) {
  try {
    run();
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::exception& error) {
    return {"untyped", error.what()};
  }
}

void expect_error(const Outcome& got, const char* code, const std::string& says,
                  const std::string& what) {
  expect(
      got.code == code && got.message.find(says) != std::string::npos,
      what + ": expected " + code + " with '" + says + "', got " + got.code + ": " + got.message);
}

void expect_answers(executor::Executor& executor, const std::string& what) {
  expect(generate(executor, model()).tokens == model().expected, what);
}

// No card for this process: the error says why, and the CPU answers.
void expect_unavailable(const std::string& says, const std::string& what) {
  expect_error(outcome([] { load(); }), "gpu_unavailable", says, what);
  expect(cuda::runtime::why_not().find(says) != std::string::npos, what + ": auto says why");
  expect_answers(*load(DeviceKind::cpu), what + ": the CPU answers");
}

void no_driver() {
  simt::driver().version = 0;
  expect_unavailable("no NVIDIA driver was found", "no driver");
}

void no_card() {
  simt::driver().num_cards = 0;
  expect_unavailable("shows no card to this process", "no card");
}

void old_driver() {
  simt::driver().version = 12040;
  expect_unavailable("supports CUDA 12.4, and this build needs 13.0", "an old driver");
}

void old_card() {
  simt::driver().compute_capability = 75;
  expect_unavailable("compute capability 7.5, and 8.0 is the least", "an old card");
}

void no_kernels_for_the_card() {
  for (const int status : {kNoImage, kNewerPtx}) {
    const auto executor = load();
    plan_failure("launch", 1, status);
    expect_error(outcome([&] { generate(*executor, model()); }), "gpu_unavailable",
                 "this build has no kernels for the card", "status " + std::to_string(status));
    plan_failure("", 0, 0);
  }
}

// Told at load, before a weight is read.
void no_kernels_at_load() {
  plan_failure("launch", 1, kNoImage);
  expect_error(outcome([] { load(); }), "gpu_unavailable", "this build has no kernels for the card",
               "a load");
  expect(simt::driver().used_bytes == 0, "all is given back");
}

// Without code for 90a a card of 9.0 takes the portable kernels, whether a stream need be
// deterministic or not: their bits, and no tensor map is made.
void plain_code_on_hopper() {
  executor::ExecutorOptions options = options_of(DeviceKind::cuda);
  options.page_size = options.max_batch_tokens = 96;
  const GoldenModel longer = long_prompt();
  simt::Driver& driver = simt::driver();
  for (const auto weights : {executor::WeightPolicy::bf16, executor::WeightPolicy::int8}) {
    options.weights = weights;
    options.deterministic = true;
    driver.has_hopper_code = false;
    const Answer portable = load_and_generate(longer, options);
    options.deterministic = false;
    expect(load_and_generate(longer, options) == portable, "portable kernels on plain code");
    expect(driver.num_tensor_maps == 0, "no kernel of Hopper on plain code");
    driver.has_hopper_code = true;
    load_and_generate(longer, options);
    expect(driver.num_tensor_maps > 0, "Hopper's kernels on their own code");
    driver.compute_capability = 100;
    driver.num_tensor_maps = 0;
    load_and_generate(longer, options);
    expect(driver.num_tensor_maps == 0, "no kernel of Hopper on a newer card");
    driver.compute_capability = 90;
  }
}

// Every allocation in turn finds no memory: while loading, and in the steps.
void out_of_memory() {
  for (const char* call : {"cudaMalloc", "cudaMallocHost"}) {
    for (int k = 1;; k++) {
      plan_failure(call, k, kNoMemory, 1);
      const std::string what = std::string(call) + " " + std::to_string(k);
      const Outcome got = outcome([] { load_and_generate(model(), options_of(DeviceKind::cuda)); });
      expect(simt::driver().used_bytes == 0, what + ": all is given back");
      if (simt::driver().countdown > 0) break;
      expect_error(got, "gpu_out_of_memory", "free memory on the GPU", what);
    }
  }
  plan_failure("", 0, 0);
  expect_answers(*load(), "a load after it works");
}

// Another process takes what is left while steps run: that step fails, and the next one may work.
void out_of_memory_in_a_step() {
  const auto executor = load();
  plan_failure("cudaMalloc", 1, kNoMemory, 2);
  for (int i = 0; i < 2; i++)
    expect_error(outcome([&] { generate(*executor, model()); }), "gpu_out_of_memory",
                 "has none left", "a step without memory");
  expect(executor->failure().empty(), "the card can still be used");
  expect_answers(*executor, "the step after it");
}

void too_small_a_card() {
  simt::driver().memory_bytes = 100 << 10;
  expect_error(outcome([] { load(); }), "gpu_out_of_memory", "free memory on the GPU",
               "a card of 100 KiB");
  expect(simt::driver().used_bytes == 0, "all is given back");
}

// A card with as much as the plan says is enough for a load and for steps, and little is not used.
void memory_as_planned(executor::WeightPolicy weights, DType kv, bool deterministic,
                       const std::string& what) {
  executor::ExecutorOptions options = options_of(DeviceKind::cuda);
  options.weights = weights;
  options.kv_dtype = kv;
  options.deterministic = deterministic;
  options.page_size = options.max_batch_tokens = 96;
  simt::Driver& driver = simt::driver();
  driver.most_bytes = 0;
  const auto executor = make_executor(model(), open_store(model()), options);
  const int64_t expected_weights = executor->weight_bytes();
  const executor::ScratchPlan scratch =
      executor::plan_scratch(executor::parse_graph(model().graph), options);
  const int64_t plan = expected_weights + executor->kv_bytes() + executor->workspace_bytes() +
                       scratch.bytes + scratch.bytes_per_page;
  generate(*executor, long_prompt());
  // Tables and the arrays of a step come beside it.
  constexpr int64_t kRest = 2 << 20;
  const std::string figures = what + ": " + std::to_string(driver.most_bytes) + " of " +
                              std::to_string(plan) + " planned bytes";
  expect(driver.most_bytes <= plan + kRest, figures);
  expect(driver.most_bytes >= plan / 2, figures + " are used");
}

void memory_is_planned() {
  using executor::WeightPolicy;
  memory_as_planned(WeightPolicy::f32, DType::f32, true, "f32");
  memory_as_planned(WeightPolicy::bf16, DType::bf16, true, "bf16");
  memory_as_planned(WeightPolicy::int8, DType::i8, true, "int8");
  memory_as_planned(WeightPolicy::int8, DType::bf16, false, "int8 on Hopper");
  simt::driver().memory_bytes = 0;
  simt::driver().most_bytes = 0;
  expect_error(outcome([] { load(); }), "gpu_out_of_memory", "free memory on the GPU", "no memory");
  expect(simt::driver().most_bytes == 0, "weights are taken at once, before any is read");
}

// The card is lost: each step says so, and nothing is asked of it any more, not even to free.
void expect_lost(std::unique_ptr<executor::Executor> executor, const std::string& says,
                 const std::string& what) {
  expect_error(outcome([&] { generate(*executor, model()); }), "engine_failed", says, what);
  const int64_t calls = simt::driver().num_calls;
  expect(executor->failure().find(says) != std::string::npos, what + ": the engine says so");
  expect_error(outcome([&] { generate(*executor, model()); }), "engine_failed", says,
               what + ", the next step");
  expect_error(outcome([&] { executor->open_cache(1, 1, 1); }), "engine_failed", says,
               what + ", more pages");
  executor.reset();
  expect_error(outcome([] { load(); }), "gpu_unavailable", "cannot use it any more",
               what + ", the next load");
  expect(simt::driver().num_calls == calls, what + ": no more calls");
  expect_answers(*load(DeviceKind::cpu), what + ": the CPU answers");
}

template <int kStatus>
void lost_in_a_kernel() {
  auto executor = load();
  plan_failure("launch", 7, kStatus);
  expect_lost(std::move(executor),
              kStatus == kLaunchFailure ? "unspecified launch failure" : "illegal memory access",
              "a kernel that breaks the card");
}

void lost_while_waiting() {
  auto executor = load();
  plan_failure("cudaStreamQuery", 2, kIllegalAddress);
  expect_lost(std::move(executor), "illegal memory access", "a card that is lost behind a kernel");
}

void lost_in_a_recording() {
  auto executor = load();
  // The third decode step is the first that is replayed.
  plan_failure("cudaGraphLaunch", 1, kIllegalAddress);
  expect_lost(std::move(executor), "illegal memory access", "a recording that breaks the card");
}

void lost_while_loading() {
  plan_failure("cudaMemcpyAsync", 5, kIllegalAddress);
  expect_error(outcome([] { load(); }), "engine_failed", "illegal memory access", "a load");
  const int64_t calls = simt::driver().num_calls;
  expect_error(outcome([] { load(); }), "gpu_unavailable", "cannot use it any more", "the next");
  expect(simt::driver().num_calls == calls, "no more calls after a load that broke the card");
}

void hangs() {
  cuda::runtime::set_patience(std::chrono::milliseconds(20));
  auto executor = load();
  plan_failure("cudaStreamQuery", 1, kNotReady);
  expect_lost(std::move(executor), "seems to hang", "a kernel that never ends");
}

void refused_once() {
  const auto executor = load();
  plan_failure("launch", 3, kInvalidValue, 1);
  expect_error(outcome([&] { generate(*executor, model()); }), "engine_failed", "invalid argument",
               "a launch that is refused");
  expect(executor->failure().empty(), "a refused launch does not cost the card");
  expect_answers(*executor, "the step after a refused launch");
}

void two_engines() {
  const auto a = load(), b = load();
  expect_answers(*a, "the first of two engines");
  expect_answers(*b, "the second of two engines");
  a->open_cache(2, 4, 1);
  expect_answers(*a, "the first one again");
}

void engine_of_another_thread() {
  std::unique_ptr<executor::Executor> executor;
  std::thread([&] { executor = load(); }).join();
  expect_answers(*executor, "loaded by one thread, run by another");
  std::thread([&] { executor.reset(); }).join();
  expect(simt::driver().used_bytes == 0, "and given back by a third");
}

// Runs in a process of its own; its counts come back.
template <class Run>
void in_a_child(const char* name, Run&& run) {
  int ends[2];
  std::fflush(stdout);
  if (pipe(ends) != 0) return expect(false, "a pipe");
  const pid_t child = fork();
  if (child == 0) {
    g_passed = g_failed = 0;
    const Outcome got = outcome(run);
    if (!got.code.empty()) expect(false, std::string(name) + ": " + got.code + ": " + got.message);
    std::fflush(stdout);
    const int counts[] = {g_passed, g_failed};
    _exit(write(ends[1], counts, sizeof(counts)) == sizeof(counts) ? 0 : 1);
  }
  close(ends[1]);
  int counts[2] = {0, 0}, status = 0;
  const bool told = read(ends[0], counts, sizeof(counts)) == sizeof(counts);
  close(ends[0]);
  waitpid(child, &status, 0);
  g_passed += counts[0];
  g_failed += counts[1];
  expect(told && WIFEXITED(status) && WEXITSTATUS(status) == 0, std::string(name) + " ends");
}

void forked() {
  const auto executor = load();
  expect_answers(*executor, "before the fork");
  in_a_child("the fork", [&] {
    expect_error(outcome([&] { generate(*executor, model()); }), "engine_failed",
                 "initialization error", "an engine in a fork");
    expect_error(outcome([] { load(); }), "gpu_unavailable", "cannot use it any more",
                 "a load in a fork");
  });
  in_a_child("the fork", [] {
    expect_error(outcome([] { load(); }), "gpu_unavailable", "after a fork", "a load in a fork");
  });
  expect_answers(*executor, "after the fork");
}

struct Case {
  const char* name;
  void (*run)();
};

constexpr Case kCases[] = {
    {"no driver", no_driver},
    {"no card", no_card},
    {"an old driver", old_driver},
    {"an old card", old_card},
    {"no kernels for the card", no_kernels_for_the_card},
    {"no kernels at load", no_kernels_at_load},
    {"plain code on Hopper", plain_code_on_hopper},
    {"out of memory", out_of_memory},
    {"out of memory in a step", out_of_memory_in_a_step},
    {"too small a card", too_small_a_card},
    {"memory is planned", memory_is_planned},
    {"lost in a kernel", lost_in_a_kernel<kIllegalAddress>},
    {"a kernel that fails", lost_in_a_kernel<kLaunchFailure>},
    {"lost while waiting", lost_while_waiting},
    {"lost in a recording", lost_in_a_recording},
    {"lost while loading", lost_while_loading},
    {"hangs", hangs},
    {"refused once", refused_once},
    {"two engines", two_engines},
    {"another thread", engine_of_another_thread},
    {"forked", forked},
};

}  // namespace
}  // namespace conclave::test

int main() {
  using namespace conclave::test;
  for (const Case& each : kCases) in_a_child(each.name, each.run);
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

// Every CUDA kernel against float64, run by the host thread block by thread block, in each order of
// threads and of asynchronous copies.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "cuda/runtime.h"
#include "cuda/stream.h"
#include "device_profile.h"
#include "harness.h"
#include "simt/driver.h"
#include "simt/options.h"

namespace {

using namespace conclave;

struct Group {
  const char* name;
  void (*run)(const cpu::Kernels&);
};

constexpr Group kGroups[] = {{"elementwise", test::test_elementwise},
                             {"fused", test::test_fused},
                             {"route", test::test_route},
                             {"matmul", test::test_matmul},
                             {"moe", test::test_moe},
                             {"attention", test::test_attention},
                             {"sample", test::test_sample}};

// All cases in a random order of threads and copies; those with rings of copies and meetings of a
// block also in the two extreme ones. Kernels for Hopper are chosen on a card that has code for it:
// those of attention always, the others where a stream need not be deterministic.
struct Pass {
  const char* name;
  simt::Options options;
  const char* groups;
  bool deterministic = true, hopper = false;
};

constexpr Pass kPasses[] = {
    {"simt random",
     {simt::Order::random, simt::Landing::random, 3},
     "elementwise fused route matmul moe attention sample"},
    {"simt forward late", {simt::Order::forward, simt::Landing::late, 1}, "route matmul"},
    {"simt reverse early",
     {simt::Order::reverse, simt::Landing::early, 2},
     "elementwise fused moe sample"},
    {"hopper random",
     {simt::Order::random, simt::Landing::random, 4},
     "matmul moe attention",
     false,
     true},
    {"hopper forward late", {simt::Order::forward, simt::Landing::late, 1}, "matmul", false, true},
    {"hopper reverse early",
     {simt::Order::reverse, simt::Landing::early, 2},
     "matmul attention",
     false,
     true},
};

void run_pass(const Pass& pass, const cuda::runtime::Card& card, void* queue, const char* only) {
  std::printf("kernels %s\n", pass.name);
  simt::driver().has_hopper_code = pass.hopper;
  cuda::CudaStream stream(queue, card, pass.deterministic);
  test::device() = {&stream, pass.deterministic};
  simt::options() = pass.options;
  const cpu::Kernels kernels = test::device_profile(pass.name);
  using Clock = std::chrono::steady_clock;
  for (const Group& group : kGroups) {
    if (!std::strstr(pass.groups, group.name)) continue;
    if (only != nullptr && !std::strstr(group.name, only)) continue;
    const auto start = Clock::now();
    group.run(kernels);
    std::printf("  %s %.1f s\n", group.name,
                std::chrono::duration<double>(Clock::now() - start).count());
  }
  test::device() = {};
}

}  // namespace

// [PASS [GROUP]]: those whose name contains it.
int main(int argc, char** argv) {
  try {
    const cuda::runtime::Card card = cuda::runtime::open();
    void* queue = cuda::runtime::create_queue();
    for (const Pass& pass : kPasses) {
      if (argc < 2 || std::strstr(pass.name, argv[1]))
        run_pass(pass, card, queue, argc < 3 ? nullptr : argv[2]);
    }
    cuda::runtime::destroy_queue(queue);
  } catch (const std::exception& error) {
    std::printf("FAILED with an exception: %s\n", error.what());
    return 1;
  }
  std::printf("%d passed, %d failed, 0 skipped\n", test::passed(), test::failed());
  return test::failed() == 0 ? 0 : 1;
}

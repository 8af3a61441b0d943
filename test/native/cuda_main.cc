// The op cases against float64 on a card: what simt_tests runs on the host.
#include <cstdio>
#include <exception>

#include "cuda/runtime.h"
#include "cuda/stream.h"
#include "device_profile.h"
#include "harness.h"

int main() {
  using namespace conclave;
  try {
    const cuda::runtime::Card card = cuda::runtime::open();
    std::printf("%s\n", card.name.c_str());
    void* queue = cuda::runtime::create_queue();
    for (const bool deterministic : {true, false}) {
      cuda::CudaStream stream(queue, card, deterministic);
      test::device() = {&stream, deterministic};
      const cpu::Kernels kernels = test::device_profile(deterministic ? "cuda" : "cuda, fastest");
      for (auto* run : {test::test_elementwise, test::test_fused, test::test_route,
                        test::test_matmul, test::test_moe, test::test_attention, test::test_sample})
        run(kernels);
      test::device() = {};
    }
  } catch (const std::exception& error) {
    std::printf("FAILED with an exception: %s\n", error.what());
    return 1;
  }
  std::printf("%d passed, %d failed, 0 skipped\n", test::passed(), test::failed());
  return test::failed() == 0 ? 0 : 1;
}

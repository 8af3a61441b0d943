// Every op of the CPU against float64, for each kernel set that this machine runs.
#include <cstdio>
#include <exception>

#include "harness.h"

int main() {
  using namespace conclave;
  try {
    test::test_thread_pool();
    test::test_panels();
    for (const cpu::Kernels* kernels : test::kernel_sets()) {
      std::printf("kernels %s\n", kernels->name);
      test::test_elementwise(*kernels);
      test::test_scales(*kernels);
      test::test_route(*kernels);
      test::test_matmul(*kernels);
      test::test_moe(*kernels);
      test::test_attention(*kernels);
      test::test_sample(*kernels);
    }
  } catch (const std::exception& error) {
    std::printf("FAILED with an exception: %s\n", error.what());
    return 1;
  }
  std::printf("%d passed, %d failed, 0 skipped\n", test::passed(), test::failed());
  return test::failed() == 0 ? 0 : 1;
}

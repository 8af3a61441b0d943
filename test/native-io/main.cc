#include "expect.h"

int main() {
  using namespace conclave::test;
  json_tests();
  safetensors_tests();
  mapped_file_tests();
  weight_store_tests();
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

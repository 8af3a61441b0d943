#include <cstring>

#include "expect.h"

// "small" leaves out the header of 131,072 tensors, whose time valgrind would multiply.
int main(int argc, char** argv) {
  using namespace conclave::test;
  g_small = argc > 1 && std::strcmp(argv[1], "small") == 0;
  json_tests();
  safetensors_tests();
  mapped_file_tests();
  weight_store_tests();
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

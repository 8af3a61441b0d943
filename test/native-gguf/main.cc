#include "expect.h"
#include "gguf_writer.h"

int main() {
  using namespace conclave::test;
  gguf_header_tests();
  gguf_metadata_tests();
  gguf_mutation_tests();
  quant_tests();
  std::printf("%d passed, %d failed\n", g_passed, g_failed);
  return g_failed == 0 ? 0 : 1;
}

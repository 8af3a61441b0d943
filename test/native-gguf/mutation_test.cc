// Valid files with a few bytes changed: each is read or refused, never anything else.
#include <cstdlib>
#include <fstream>
#include <random>

#include "expect.h"
#include "gguf_writer.h"
#include "read_as_gguf.h"

namespace conclave::test {
namespace {

std::vector<std::string> seeds() {
  GgufSpec spec;
  std::vector<std::string> files = {spec.file()};
  spec.keys = {key("general.architecture", 8, text("qwen3")),
               key("general.alignment", 4, raw(64u)),
               key("a.block_count", 4, raw(2u)),
               key("a.eps", 6, raw(1e-6f)),
               key("a.flag", 7, raw(uint8_t{1})),
               key("a.big", 10, raw(uint64_t{1} << 40)),
               key("t.tokens", 9, array(8, 3, text("a") + text("bc") + text(""))),
               key("t.types", 9, array(5, 3, raw(1) + raw(2) + raw(3)))};
  spec.alignment = 64;
  spec.tensors = {
      {"blk.0.attn_q.weight", {64, 2}, 8, 0}, {"b", {256}, 14, 192}, {"c", {2, 2, 2}, 0, 448}};
  spec.data_bytes = 448 + 32;
  files.push_back(spec.file());
  spec.version = 2;
  files.push_back(spec.file());
  return files;
}

constexpr uint64_t kEdges[] = {0,
                               1,
                               2,
                               7,
                               8,
                               31,
                               32,
                               255,
                               65535,
                               1u << 31,
                               ~0u,
                               uint64_t{1} << 32,
                               uint64_t{1} << 53,
                               uint64_t{1} << 62,
                               uint64_t{1} << 63,
                               ~uint64_t{0}};

void mutate(std::string& file, std::mt19937_64& random) {
  const size_t at = random() % file.size();
  switch (random() % 5) {
    case 0: file[at] = static_cast<char>(random()); break;
    case 1: file[at] = static_cast<char>(file[at] ^ (1 << random() % 8)); break;
    case 2: file.replace(at, 8, raw(kEdges[random() % std::size(kEdges)])); break;
    case 3:
      file.replace(at, 4, raw(static_cast<uint32_t>(kEdges[random() % std::size(kEdges)])));
      break;
    default: file.resize(1 + at);
  }
}

}  // namespace

void gguf_mutation_tests() {
  const char* asked = std::getenv("CONCLAVE_FUZZ_RUNS");
  const long runs = asked == nullptr ? 100'000 : std::atol(asked);
  const std::vector<std::string> files = seeds();
  std::mt19937_64 random(20'261'124);
  long taken = 0;
  for (const std::string& file : files) {
    expect(read_as_gguf(reinterpret_cast<const uint8_t*>(file.data()), file.size()),
           "a seed is read");
  }
  for (long run = 0; run < runs; run++) {
    std::string file = files[random() % files.size()];
    for (uint64_t n = 1 + random() % 3; n > 0; n--) mutate(file, random);
    taken += read_as_gguf(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  }
  // Mutations of the data and of values are harmless; most others are not.
  expect(taken > runs / 20 && taken < runs * 19 / 20, "mutations read: " + std::to_string(taken));
}

}  // namespace conclave::test

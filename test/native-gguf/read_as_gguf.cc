// The reader under any bytes, for the mutations of every test run; test/fuzz/fuzz_gguf.cc is
// libFuzzer's.
#include "read_as_gguf.h"

#include <cstdlib>
#include <string>

#include "core/error.h"
#include "io/gguf.h"

namespace conclave::test {

bool read_as_gguf(const uint8_t* data, size_t size) {
  static const std::string kName = "fuzz.gguf";
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const io::GgufHeader header = io::parse_gguf_header(bytes, size, kName);
    double sum = 0;
    for (const io::GgufKey& key : header.keys) {
      const io::GgufValue value = io::read_gguf_value(bytes, key, kName);
      value.for_each_number([&](double x) { sum += x; });
      value.for_each_string([&](std::string_view s) { sum += static_cast<double>(s.size()); });
    }
    for (const io::TensorEntry& tensor : header.tensors) {
      if (tensor.begin > tensor.end || tensor.end > size) std::abort();
      if (tensor.begin < tensor.end) sum += std::to_integer<int>(bytes[tensor.end - 1]);
    }
    volatile double keep = sum;  // the reads must happen
    (void)keep;
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace conclave::test

// Bytes → parse_gguf_header → every value and the first elements of every tensor.
#include <algorithm>
#include <cmath>
#include <vector>

#include "allocation_bound.h"
#include "claims.h"
#include "io/gguf.h"
#include "quant/dequantise.h"

using conclave::test::AllocationBound;
using conclave::test::claim;
using conclave::test::refuses_only_with;
namespace io = conclave::io;

namespace {

uint64_t read_value(const io::GgufValue& value, std::span<const std::byte> file) {
  const bool inside = value.bytes.data() >= file.data() &&
                      value.bytes.data() + value.bytes.size() <= file.data() + file.size();
  claim(inside || value.bytes.empty(), "a value lies in the file");
  uint64_t count = 0, characters = 0;
  value.for_each_number([&](double) { count++; });
  value.for_each_string([&](std::string_view s) {
    count++;
    characters += s.size();
  });
  claim(count == value.count, "a value has as many elements as it counts");
  claim(characters <= file.size(), "strings lie in the file");
  return count;
}

void read_tensor(const io::TensorEntry& t, std::span<const std::byte> file) {
  claim(t.begin <= t.end && t.end <= file.size(), "a tensor lies in the file");
  claim(t.dims.size() <= 8, "a tensor has at most 8 dimensions");
  refuses_only_with({"unsupported_model"}, [&] { t.shape(); });
  if (!conclave::quant::can_dequantise(t.dtype)) return;
  const conclave::DTypeBlock block = conclave::dtype_block(t.dtype);
  const int64_t blocks = std::min<int64_t>(4, static_cast<int64_t>(t.bytes()) / block.bytes);
  if (blocks == 0) return;
  std::vector<float> y(static_cast<size_t>(blocks * block.elements));
  conclave::quant::dequantise_row(y.data(), file.data() + t.begin, static_cast<int64_t>(y.size()),
                                  t.dtype);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  refuses_only_with({"invalid_file", "unsupported_format", "invalid_config"}, [&] {
    const AllocationBound allocated;
    const std::span file(reinterpret_cast<const std::byte*>(data), size);
    io::has_gguf_magic(file);
    const io::GgufHeader header = io::parse_gguf_header(file, size, "fuzz");
    allocated.at_most(2 * size + (uint64_t{1} << 20));
    for (const io::GgufKey& key : header.keys) {
      read_value(io::read_gguf_value(file, key, "fuzz"), file);
    }
    for (const io::TensorEntry& tensor : header.tensors) read_tensor(tensor, file);
  });
  return 0;
}

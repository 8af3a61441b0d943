// Bytes → parse_safetensors_header → all that it promises of an accepted file.
#include <algorithm>
#include <cstring>
#include <string>

#include "allocation_bound.h"
#include "claims.h"
#include "io/safetensors.h"
#include "json_mutator.h"

using conclave::io::SafetensorsHeader;
using conclave::io::TensorEntry;
using conclave::test::AllocationBound;
using conclave::test::claim;
using conclave::test::refuses_only_with;

namespace {

constexpr size_t kLengthBytes = 8;

uint64_t header_length(const uint8_t* data) {
  uint64_t n;
  std::memcpy(&n, data, sizeof(n));
  return n;
}

// No byte of the data belongs to nobody or to two.
void check_cover(const SafetensorsHeader& header, uint64_t data_begin, uint64_t file_size) {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const TensorEntry& t : header.tensors) {
    if (t.begin != t.end) spans.emplace_back(t.begin, t.end);
  }
  std::sort(spans.begin(), spans.end());
  uint64_t at = data_begin;
  for (const auto& [begin, end] : spans) {
    claim(begin == at && end > begin, "tensors lie back to back");
    at = end;
  }
  claim(at == file_size, "tensors end with the file");
}

void check_accepted(const SafetensorsHeader& header) {
  for (const TensorEntry& t : header.tensors) {
    claim(header.find(t.name) == &t, "a tensor is found by its name");
    uint64_t elements = 1;
    for (const int64_t dim : t.dims) {
      claim(dim >= 0, "no dimension is negative");
      elements *= static_cast<uint64_t>(dim);
    }
    claim(elements * static_cast<uint64_t>(conclave::dtype_bytes(t.dtype)) == t.bytes(),
          "the shape accounts for the bytes");
    refuses_only_with({"unsupported_model"}, [&] { t.shape(); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  refuses_only_with({"invalid_file", "unsupported_format"}, [&] {
    const AllocationBound allocated;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    const SafetensorsHeader header = conclave::io::parse_safetensors_header(bytes, size, "fuzz");
    allocated.at_most(2 * size + (uint64_t{1} << 20));
    check_accepted(header);
    check_cover(header, kLengthBytes + header_length(data), size);
  });
  return 0;
}

// Mutates the JSON and puts its length right again, so that most inputs get past the first check.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  const bool framed = size >= kLengthBytes && header_length(data) <= size - kLengthBytes;
  if (!framed || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const size_t length = static_cast<size_t>(header_length(data));
  const size_t payload = size - kLengthBytes - length;
  if (payload + kLengthBytes > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::string json(reinterpret_cast<char*>(data) + kLengthBytes, length);
  json = conclave::test::mutate_json(json, max_size - kLengthBytes - payload, seed);
  const uint64_t mutated = json.size();
  std::memcpy(data, &mutated, sizeof(mutated));
  std::memcpy(data + kLengthBytes, json.data(), json.size());
  std::memset(data + kLengthBytes + json.size(), 0, payload);
  return kLengthBytes + json.size() + payload;
}

#pragma once
// Writes GGUF files with any number in any place, right or wrong.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/gguf.h"

namespace conclave::test {

void gguf_header_tests();
void gguf_metadata_tests();
void gguf_mutation_tests();
void quant_tests();

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

// As the format spells it: length, characters.
inline std::string text(const std::string& s) { return raw<uint64_t>(s.size()) + s; }

inline std::string key(const std::string& name, uint32_t type, const std::string& value) {
  return text(name) + raw(type) + value;
}

inline std::string array(uint32_t element, uint64_t count, const std::string& elements) {
  return raw(element) + raw(count) + elements;
}

struct TensorSpec {
  std::string name = "a";
  std::vector<uint64_t> dims = {32, 2};  // innermost first
  uint32_t type = 0;
  uint64_t offset = 0;
};

inline std::string describe(const TensorSpec& t) {
  std::string bytes = text(t.name) + raw(static_cast<uint32_t>(t.dims.size()));
  for (const uint64_t dim : t.dims) bytes += raw(dim);
  return bytes + raw(t.type) + raw(t.offset);
}

struct GgufSpec {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> keys;
  std::vector<TensorSpec> tensors = {TensorSpec{}};
  int64_t data_bytes = 256;  // after the padding
  size_t alignment = 32;
  int64_t num_tensors = -1, num_keys = -1;  // −1: as they are

  std::string header() const {
    std::string bytes = magic + raw(version);
    bytes += raw(num_tensors < 0 ? tensors.size() : static_cast<uint64_t>(num_tensors));
    bytes += raw(num_keys < 0 ? keys.size() : static_cast<uint64_t>(num_keys));
    for (const std::string& k : keys) bytes += k;
    for (const TensorSpec& t : tensors) bytes += describe(t);
    return bytes;
  }
  std::string file() const {
    std::string bytes = header();
    while (bytes.size() % alignment != 0) bytes += '\0';
    for (int64_t i = 0; i < data_bytes; i++) bytes += static_cast<char>(i);
    return bytes;
  }
};

inline std::span<const std::byte> as_bytes(const std::string& s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

inline io::GgufHeader parse(const std::string& file) {
  return io::parse_gguf_header(as_bytes(file), file.size(), "model.gguf");
}

}  // namespace conclave::test

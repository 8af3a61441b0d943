#pragma once
// The safetensors format: u64 little-endian header length N, N bytes of JSON, then the tensors'
// bytes back to back.
//   {"name": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [begin, end]}, …, "__metadata__":
//   {…}}
// Everything is checked before anything is used: one duplicate, overlap, hole or size that does not
// fit refuses the file.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/weight_file.h"

namespace conclave::io {

// Owns the names and dims of its entries. Allocates at most about twice the header's bytes.
struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  // in header order
  std::vector<uint32_t> by_name;     // indices into tensors, sorted by name
  std::string metadata;              // the JSON text of __metadata__, empty if absent
  std::vector<char> names;
  std::vector<int64_t> dims;

  SafetensorsHeader() = default;
  SafetensorsHeader(SafetensorsHeader&&) =
      default;  // moves keep the pointers of the entries, copies would not
  SafetensorsHeader& operator=(SafetensorsHeader&&) = default;

  const TensorEntry* find(std::string_view name) const;  // null if absent
};

// `bytes` is the file, or as much of its start as holds the header; `file_size` is that of the
// whole file. Throws `invalid_file`, or `unsupported_format` for a number format that Conclave does
// not read. `what` names the file.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, uint64_t file_size,
                                           const std::string& what);

class SafetensorsFile : public WeightFile {
 public:
  explicit SafetensorsFile(const std::string& path) : SafetensorsFile(MappedFile(path)) {}
  explicit SafetensorsFile(MappedFile mapped);

  const std::vector<TensorEntry>& tensors() const override { return header_.tensors; }
  const TensorEntry* find(std::string_view name) const { return header_.find(name); }
  // The JSON text of __metadata__, empty if absent.
  const std::string& metadata() const { return header_.metadata; }

 private:
  SafetensorsHeader header_;
};

}  // namespace conclave::io

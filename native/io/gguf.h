#pragma once
// The GGUF format, versions 2 and 3, little-endian:
//   "GGUF" | version u32 | tensors u64 | keys u64
//   keys × { name: u64 length, characters | type u32 | value }
//   tensors × { name | rank u32 | dims u64 × rank, innermost first | type u32 | offset u64 }
//   padding up to a multiple of general.alignment (32) | data, each tensor padded likewise
// A value is a number, a string, or an array: element type u32, count u64, elements. Everything is
// checked before anything is used; values stay in the file and are read through the same cursor.
#include <functional>

#include "io/weight_file.h"

namespace conclave::io {

enum class GgufType : uint8_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};
const char* gguf_type_name(GgufType type);

// A value of the metadata as bytes of the file.
struct GgufValue {
  std::string_view key;
  GgufType type = GgufType::u32;
  GgufType element = GgufType::u32;  // of an array; otherwise the type itself
  uint64_t count = 1;
  std::span<const std::byte> bytes;  // of all elements

  // Numbers and booleans as f64 (exact up to 2^53), strings as they lie; index < count of each
  // call.
  void for_each_number(const std::function<void(double)>& visit) const;
  void for_each_string(const std::function<void(std::string_view)>& visit) const;
};

// Where a key lies; the value follows it.
struct GgufKey {
  uint64_t begin;  // of the key's length
  GgufType type;
};

// Owns names and dims of its tensors. Allocates at most twice the header's bytes and 1 MiB.
struct GgufHeader {
  uint32_t version = 0;
  std::vector<TensorEntry> tensors;  // in header order
  std::vector<GgufKey> keys;
  std::vector<char> names;
  std::vector<int64_t> dims;

  GgufHeader() = default;
  GgufHeader(GgufHeader&&) = default;  // moves keep the pointers of the entries, copies would not
  GgufHeader& operator=(GgufHeader&&) = default;
};

bool has_gguf_magic(std::span<const std::byte> bytes);

// `bytes` is the file, or as much of its start as holds the header, of which kMaxHeaderBytes are
// looked at; `file_size` is that of the whole file. Throws `invalid_file`; `unsupported_format` for
// another version, byte order or number format; `invalid_config` for a key that stands twice.
// `what` names the file.
GgufHeader parse_gguf_header(std::span<const std::byte> bytes, uint64_t file_size,
                             const std::string& what);

// The value of a key of that header, in the same bytes.
GgufValue read_gguf_value(std::span<const std::byte> bytes, GgufKey key, const std::string& what);

class GgufFile : public WeightFile {
 public:
  explicit GgufFile(MappedFile file);

  const std::vector<TensorEntry>& tensors() const override { return header_.tensors; }
  // Valid while this object lives, in file order.
  size_t num_values() const { return header_.keys.size(); }
  GgufValue value(size_t index) const;

 private:
  GgufHeader header_;
};

}  // namespace conclave::io

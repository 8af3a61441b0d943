#include "io/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/error.h"
#include "io/checked.h"
#include "io/json_scanner.h"
#include "io/limits.h"

namespace conclave::io {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxRank = 8;
constexpr int kMaxDepth = 8;
constexpr uint64_t kMaxDim = uint64_t{1} << 53;  // larger ones are not exact in every reader

struct FileDType {
  std::string_view name;
  unsigned bits;
  std::optional<DType> dtype;  // none: in the format, but not read by Conclave
};

constexpr FileDType kFileDTypes[] = {
    {"BF16", 16, DType::bf16},
    {"F16", 16, DType::f16},
    {"F32", 32, DType::f32},
    {"F64", 64, DType::f64},
    {"I8", 8, DType::i8},
    {"U8", 8, DType::u8},
    {"I16", 16, DType::i16},
    {"I32", 32, DType::i32},
    {"I64", 64, DType::i64},
    {"BOOL", 8, DType::boolean},
    {"F8_E4M3", 8, DType::f8_e4m3},
    {"F8_E5M2", 8, DType::f8_e5m2},
    {"F8_E8M0", 8, {}},
    {"U16", 16, {}},
    {"U32", 32, {}},
    {"U64", 64, {}},
    {"C64", 64, {}},
    {"F4", 4, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
};

// Walks the header twice: first to check the grammar and count, so that every array is allocated
// once and exactly.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& what)
      : text_(text),
        data_begin_(kLengthBytes + text.size()),
        what_(what),
        place_("header of " + what) {}

  SafetensorsHeader read() {
    walk([this](JsonScanner& s, RawString name) { count(s, name); });
    header_.names.reserve(name_bytes_);
    header_.dims.reserve(num_dims_);
    header_.tensors.reserve(num_tensors_);
    walk([this](JsonScanner& s, RawString name) { member(s, name); });
    return std::move(header_);
  }

 private:
  template <typename Visit>
  void walk(Visit visit) {
    JsonScanner scanner(text_, place_, kLengthBytes);
    scanner.expect('{', "at the start");
    if (!scanner.take('}')) {
      do {
        const RawString name = scanner.string("as a tensor name");
        if (name.text.size() > kMaxNameBytes * 6)
          scanner.fail("a tensor name is longer than 1 KiB.");
        scanner.expect(':', "after a tensor name");
        visit(scanner, name);
      } while (scanner.take(','));
      scanner.expect('}', "or a comma after a tensor");
    }
    const size_t rest = text_.find_first_not_of(' ', scanner.offset());
    if (rest != std::string_view::npos)
      scanner.fail_at(rest, "only spaces may follow the last brace.");
  }

  void count(JsonScanner& scanner, RawString name) {
    // One more than that: __metadata__ is counted too.
    if (num_tensors_++ > kMaxFileTensors) scanner.fail("there are more than 131,072 tensors.");
    name_bytes_ += name.text.size();
    scanner.expect('{', "after a tensor name");
    if (scanner.take('}')) return;  // fine for __metadata__ only
    do {
      const bool shape = scanner.string("as a key").text == "shape";
      scanner.expect(':', "after a key");
      if (shape && scanner.peek() == '[') {
        count_dims(scanner);
      } else {
        scanner.skip_value(kMaxDepth - 2);
      }
    } while (scanner.take(','));
    scanner.expect('}', "or a comma after a value");
  }

  void count_dims(JsonScanner& scanner) {
    scanner.take('[');
    if (scanner.take(']')) return;
    size_t rank = 0;
    do {
      if (rank++ == kMaxRank) scanner.fail("a shape has more than 8 dimensions.");
      scanner.number("as a dimension");
    } while (scanner.take(','));
    scanner.expect(']', "or a comma in shape");
    num_dims_ += rank;
  }

  // The second walk reads the mapped file again. A file that is rewritten meanwhile must not make
  // an array grow: entries point into it.
  void require_room(bool room) const {
    if (room) return;
    throw Error("file_changed", "Expected " + what_ + " to stay as it was while it is read.");
  }

  void member(JsonScanner& scanner, RawString raw) {
    const size_t begin = header_.names.size();
    require_room(raw.text.size() <= header_.names.capacity() - begin);
    header_.names.resize(begin + raw.text.size());
    char* out = header_.names.data() + begin;
    const size_t length = unescape_json(out, raw.text);
    header_.names.resize(begin + length);
    const std::string_view name(out, length);
    if (length > kMaxNameBytes) scanner.fail("a tensor name is longer than 1 KiB.");
    if (name == "__metadata__") return metadata(scanner);
    require_room(header_.tensors.size() < header_.tensors.capacity());
    header_.tensors.push_back(tensor(scanner, name));
  }

  void metadata(JsonScanner& scanner) {
    if (has_metadata_) scanner.fail("__metadata__ appears twice.");
    has_metadata_ = true;
    scanner.peek();
    const size_t begin = scanner.offset();
    scanner.expect('{', "after __metadata__");
    if (!scanner.take('}')) {
      do {
        scanner.string("as a key of __metadata__");
        scanner.expect(':', "after a key");
        scanner.string("as a value of __metadata__");
      } while (scanner.take(','));
      scanner.expect('}', "or a comma in __metadata__");
    }
    header_.metadata = text_.substr(begin, scanner.offset() - begin);
  }

  TensorEntry tensor(JsonScanner& scanner, std::string_view name) {
    TensorEntry entry;
    entry.name = name;
    RawString dtype;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    scanner.expect('{', "after a tensor name");
    do {
      const size_t at = scanner.offset();
      const RawString raw = scanner.string("as a key");
      scanner.expect(':', "after a key");
      bool* seen = raw.text == "dtype"          ? &has_dtype
                   : raw.text == "shape"        ? &has_shape
                   : raw.text == "data_offsets" ? &has_offsets
                                                : nullptr;
      if (seen == nullptr) {
        scanner.fail_at(
            at, "expected only dtype, shape and data_offsets in " + shown_tensor(name) + ".");
      }
      if (*seen) scanner.fail_at(at, "a key appears twice in " + shown_tensor(name) + ".");
      *seen = true;
      if (seen == &has_dtype) dtype = scanner.string("as dtype");
      if (seen == &has_shape) shape(scanner, entry);
      if (seen == &has_offsets) offsets(scanner, entry);
    } while (scanner.take(','));
    scanner.expect('}', "or a comma after a value");
    if (!has_dtype || !has_shape || !has_offsets) {
      scanner.fail("expected dtype, shape and data_offsets in " + shown_tensor(name) + ".");
    }
    check_size(entry, dtype.text);
    return entry;
  }

  uint64_t integer(JsonScanner& scanner, uint64_t limit, std::string_view name) {
    const size_t at = scanner.offset();
    const JsonNumber number = scanner.number("as a dimension or an offset");
    if (!number.integer || (number.negative && number.magnitude != 0) || number.magnitude > limit) {
      scanner.fail_at(at, "expected an integer from 0 to " + std::to_string(limit) + " in " +
                              shown_tensor(name) + ".");
    }
    return number.magnitude;
  }

  void shape(JsonScanner& scanner, TensorEntry& entry) {
    scanner.expect('[', "as shape");
    const size_t begin = header_.dims.size();
    if (!scanner.take(']')) {
      do {
        require_room(header_.dims.size() < header_.dims.capacity());
        header_.dims.push_back(static_cast<int64_t>(integer(scanner, kMaxDim, entry.name)));
      } while (scanner.take(','));
      scanner.expect(']', "or a comma in shape");
    }
    entry.dims = std::span(header_.dims.data() + begin, header_.dims.size() - begin);
  }

  void offsets(JsonScanner& scanner, TensorEntry& entry) {
    constexpr uint64_t kLimit = std::numeric_limits<int64_t>::max();
    scanner.expect('[', "as data_offsets");
    entry.begin = checked_add(integer(scanner, kLimit, entry.name), data_begin_, "data_offsets");
    scanner.expect(',', "between the two data_offsets");
    entry.end = checked_add(integer(scanner, kLimit, entry.name), data_begin_, "data_offsets");
    scanner.expect(']', "after the two data_offsets");
  }

  void check_size(TensorEntry& entry, std::string_view dtype) {
    const auto known = std::find_if(std::begin(kFileDTypes), std::end(kFileDTypes),
                                    [&](const FileDType& d) { return d.name == dtype; });
    if (known == std::end(kFileDTypes)) {
      refuse_safetensors(what_, shown_tensor(entry.name) + " has the unknown dtype \"" +
                                    std::string(dtype.substr(0, 32)) + "\"");
    }
    uint64_t bits = known->bits;
    for (const int64_t dim : entry.dims) {
      bits = checked_mul(bits, static_cast<uint64_t>(dim),
                         [&] { return "the size of " + shown_tensor(entry.name); });
    }
    if (entry.begin > entry.end)
      refuse_safetensors(what_, shown_tensor(entry.name) + " ends before it begins");
    if (bits % 8 != 0)
      refuse_safetensors(what_, shown_tensor(entry.name) + " does not fill its last byte");
    if (bits / 8 != entry.bytes()) {
      refuse_safetensors(what_, shown_tensor(entry.name) + " has data_offsets of " +
                                    std::to_string(entry.bytes()) + " bytes where " +
                                    std::string(dtype) + " and shape need " +
                                    std::to_string(bits / 8));
    }
    if (!known->dtype) {
      throw Error("unsupported_format", "Expected tensors in formats that Conclave reads, but " +
                                            shown_tensor(entry.name) + " in " + what_ + " is " +
                                            std::string(dtype) + ".");
    }
    entry.dtype = *known->dtype;
    entry.aligned = entry.begin % static_cast<uint64_t>(dtype_bytes(entry.dtype)) == 0;
  }

  std::string_view text_;
  uint64_t data_begin_;
  const std::string& what_;
  const std::string place_;
  SafetensorsHeader header_;
  size_t num_tensors_ = 0, num_dims_ = 0, name_bytes_ = 0;
  bool has_metadata_ = false;
};

}  // namespace

void refuse_safetensors(const std::string& what, const std::string& sentence) {
  throw Error("invalid_file",
              "Expected " + what + " to be a safetensors file, but " + sentence + ".");
}

std::string shown_tensor(std::string_view name) {
  return "tensor \"" + std::string(name.substr(0, 200)) + "\"";
}

SafetensorsHeader read_safetensors_json(std::string_view text, const std::string& what) {
  return HeaderReader(text, what).read();
}

}  // namespace conclave::io

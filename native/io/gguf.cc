#include "io/gguf.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "io/checked.h"
#include "io/gguf_metadata.h"
#include "io/limits.h"

namespace conclave::io {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
constexpr uint64_t kMaxKeys = 65'536;
constexpr uint64_t kMaxKeyBytes = 65'535;  // as the format says
constexpr uint64_t kMaxNameBytes = 1024;
constexpr uint32_t kMaxRank = 4;
constexpr uint64_t kMaxDim = uint64_t{1} << 53;
constexpr uint64_t kDefaultAlignment = 32, kMinAlignment = 8, kMaxAlignment = uint64_t{1} << 20;

struct TensorType {
  uint32_t id;
  const char* name;
  std::optional<DType> dtype;  // none: in the format, but not read by Conclave
};

constexpr TensorType kTensorTypes[] = {
    {0, "F32", DType::f32},    {1, "F16", DType::f16},    {2, "Q4_0", DType::q4_0},
    {3, "Q4_1", DType::q4_1},  {6, "Q5_0", DType::q5_0},  {7, "Q5_1", DType::q5_1},
    {8, "Q8_0", DType::q8_0},  {12, "Q4_K", DType::q4_k}, {13, "Q5_K", DType::q5_k},
    {14, "Q6_K", DType::q6_k}, {24, "I8", DType::i8},     {25, "I16", DType::i16},
    {26, "I32", DType::i32},   {27, "I64", DType::i64},   {28, "F64", DType::f64},
    {30, "BF16", DType::bf16}, {9, "Q8_1", {}},           {10, "Q2_K", {}},
    {11, "Q3_K", {}},          {15, "Q8_K", {}},          {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},        {18, "IQ3_XXS", {}},       {19, "IQ1_S", {}},
    {20, "IQ4_NL", {}},        {21, "IQ3_S", {}},         {22, "IQ2_S", {}},
    {23, "IQ4_XS", {}},        {29, "IQ1_M", {}},         {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},         {39, "MXFP4", {}},         {40, "NVFP4", {}},
};

std::string shown(std::string_view name) {
  return "tensor \"" + std::string(name.substr(0, 200)) + "\"";
}

class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> bytes, uint64_t file_size, const std::string& what)
      : bytes_(bytes.first(std::min<size_t>(bytes.size(), kMaxHeaderBytes))),
        cursor_(bytes_, what),
        file_size_(file_size),
        what_(what) {}

  GgufHeader read() {
    read_version();
    const uint64_t num_tensors = count("tensors", kMinTensorBytes, kMaxFileTensors);
    const uint64_t num_keys = count("keys", kMinKeyBytes, kMaxKeys);
    read_keys(num_keys);
    read_tensors(num_tensors);
    place_tensors();
    check_names();
    return std::move(header_);
  }

 private:
  void read_version() {
    if (!has_gguf_magic(bytes_)) unsupported("it does not begin with GGUF");
    cursor_.take(kMagic.size(), "the magic");
    header_.version = cursor_.number<uint32_t>("the version");
    if (header_.version == 2 || header_.version == 3) return;
    if ((header_.version & 0xffff) == 0) unsupported("it is big-endian");
    unsupported("its version is " + std::to_string(header_.version) + "; 2 and 3 are read");
  }

  [[noreturn]] void unsupported(const std::string& sentence) const {
    throw Error(
        "unsupported_format",
        "Expected " + what_ + " to be a GGUF file that Conclave reads, but " + sentence + ".");
  }

  // A count that the bytes left can hold, so that arrays may be allocated by it.
  uint64_t count(const std::string& things, uint64_t min_bytes, uint64_t limit) {
    const uint64_t n = cursor_.number<uint64_t>("a count");
    const std::string claims = "it claims " + std::to_string(n) + " " + things;
    if (n > cursor_.left() / min_bytes) {
      cursor_.refuse(claims + " in " + std::to_string(cursor_.left()) + " bytes");
    }
    if (n > limit) cursor_.refuse(claims + "; at most " + std::to_string(limit) + " are read");
    return n;
  }

  void read_keys(uint64_t num_keys) {
    header_.keys.reserve(static_cast<size_t>(num_keys));
    for (uint64_t i = 0; i < num_keys; i++) {
      const uint64_t begin = cursor_.offset();
      const std::string_view key = cursor_.string("a key");
      if (key.empty() || key.size() > kMaxKeyBytes) cursor_.refuse("a key has no usable length");
      const GgufType type = read_gguf_type(cursor_);
      const GgufValue value = read_gguf_elements(cursor_, type);
      header_.keys.push_back({begin, type});
      key_bytes_ += key.size();
      if (key == "general.alignment") read_alignment(value);
    }
    check_keys();
  }

  void read_alignment(const GgufValue& value) {
    if (value.type != GgufType::u32) {
      throw Error("invalid_config", "Expected general.alignment in " + what_ +
                                        " to be a u32, but it is " + gguf_type_name(value.type) +
                                        ".");
    }
    value.for_each_number([this](double x) { alignment_ = static_cast<uint64_t>(x); });
    if (!std::has_single_bit(alignment_) || alignment_ < kMinAlignment ||
        alignment_ > kMaxAlignment) {
      cursor_.refuse("general.alignment " + std::to_string(alignment_) +
                     " is not a power of two from 8 to 1048576");
    }
  }

  // Over copies: a file that changes while its keys are sorted must not confuse the sort.
  void check_keys() const {
    std::vector<char> copy;
    copy.reserve(key_bytes_);
    std::vector<std::string_view> keys;
    keys.reserve(header_.keys.size());
    for (const GgufKey& key : header_.keys) {
      const std::string_view name = GgufCursor(bytes_, what_, key.begin).string("a key");
      check_room(copy, name.size());
      keys.emplace_back(copy.data() + copy.size(), name.size());
      copy.insert(copy.end(), name.begin(), name.end());
    }
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice == keys.end()) return;
    throw Error("invalid_config", "Expected each key of " + what_ + " once, but \"" +
                                      std::string(twice->substr(0, 200)) + "\" stands twice.");
  }

  // Twice over the same bytes: first to count, so that names and dims are allocated exactly.
  void read_tensors(uint64_t num_tensors) {
    GgufCursor counter = cursor_;
    size_t name_bytes = 0, num_dims = 0;
    for (uint64_t i = 0; i < num_tensors; i++) {
      name_bytes += counter.string("a tensor name").size();
      const uint32_t rank = counter.number<uint32_t>("the rank of a tensor");
      if (rank < 1 || rank > kMaxRank) {
        counter.refuse("a tensor has " + std::to_string(rank) + " dimensions; 1 to 4 are read");
      }
      num_dims += rank;
      counter.take(uint64_t{8} * rank + 4 + 8, "the description of a tensor");
    }
    header_.names.reserve(name_bytes);
    header_.dims.reserve(num_dims);
    header_.tensors.reserve(static_cast<size_t>(num_tensors));
    for (uint64_t i = 0; i < num_tensors; i++) header_.tensors.push_back(read_tensor());
  }

  // begin and end are relative to the data until place_tensors.
  TensorEntry read_tensor() {
    TensorEntry entry;
    const std::string_view name = cursor_.string("a tensor name");
    if (name.empty() || name.size() > kMaxNameBytes)
      cursor_.refuse("a tensor name has no usable length");
    const size_t first_char = header_.names.size();
    check_room(header_.names, name.size());
    header_.names.insert(header_.names.end(), name.begin(), name.end());
    entry.name = {header_.names.data() + first_char, name.size()};
    const uint32_t rank = cursor_.number<uint32_t>("the rank of a tensor");
    const size_t first_dim = header_.dims.size();
    check_room(header_.dims, rank);
    for (uint32_t i = 0; i < rank; i++) {
      const uint64_t dim = cursor_.number<uint64_t>("a dimension");
      if (dim < 1 || dim > kMaxDim) {
        cursor_.refuse(shown(entry.name) + " has a dimension of " + std::to_string(dim));
      }
      header_.dims.push_back(static_cast<int64_t>(dim));
    }
    const auto dims = header_.dims.begin() + static_cast<ptrdiff_t>(first_dim);
    std::reverse(dims, header_.dims.end());  // the file names the innermost first
    entry.dims = {header_.dims.data() + first_dim, rank};
    entry.dtype = read_tensor_type(entry.name);
    entry.begin = cursor_.number<uint64_t>("the offset of a tensor");
    entry.end = checked_add(entry.begin, tensor_bytes(entry), "the end of " + shown(entry.name));
    return entry;
  }

  // Entries point into these arrays. Only a file that changes while it is read needs more room.
  template <class T>
  void check_room(const std::vector<T>& list, size_t more) const {
    if (more > list.capacity() - list.size()) cursor_.refuse("it changed while it was read");
  }

  DType read_tensor_type(std::string_view name) {
    const uint32_t id = cursor_.number<uint32_t>("the type of a tensor");
    const auto type = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                   [&](const TensorType& t) { return t.id == id; });
    if (type == std::end(kTensorTypes)) {
      cursor_.refuse(shown(name) + " has type " + std::to_string(id) + ", which does not exist");
    }
    if (!type->dtype) unsupported(shown(name) + " is " + type->name);
    return *type->dtype;
  }

  uint64_t tensor_bytes(const TensorEntry& entry) const {
    const DTypeBlock block = dtype_block(entry.dtype);
    const uint64_t row = static_cast<uint64_t>(entry.dims.back());
    const uint64_t row_elements = static_cast<uint64_t>(block.elements);
    if (row % row_elements != 0) {
      cursor_.refuse(shown(entry.name) + " has rows of " + std::to_string(row) + " elements, and " +
                     dtype_name(entry.dtype) + " comes in blocks of " +
                     std::to_string(row_elements));
    }
    const std::string size = "the size of " + shown(entry.name);
    uint64_t bytes = checked_mul(row / row_elements, static_cast<uint64_t>(block.bytes), size);
    for (const int64_t dim : entry.dims.first(entry.dims.size() - 1)) {
      bytes = checked_mul(bytes, static_cast<uint64_t>(dim), size);
    }
    return bytes;
  }

  uint64_t aligned(uint64_t offset) const {
    return checked_add(offset, alignment_ - 1, "the padding of data") / alignment_ * alignment_;
  }

  // Each tensor lies where the one before it ends, padded: no overlap, no hole, nothing behind.
  void place_tensors() {
    const uint64_t header_end = cursor_.offset(), data_begin = aligned(header_end);
    uint64_t expected = 0, end = header_end;
    for (TensorEntry& entry : header_.tensors) {
      if (entry.begin != expected) {
        cursor_.refuse(shown(entry.name) + " lies at " + std::to_string(entry.begin) +
                       " of the data, but the tensors before it end at " +
                       std::to_string(expected));
      }
      expected = aligned(entry.end);
      entry.begin = checked_add(entry.begin, data_begin, "the place of " + shown(entry.name));
      entry.end = checked_add(entry.end, data_begin, "the place of " + shown(entry.name));
      end = entry.end;
      if (end > file_size_) {
        cursor_.refuse("the file is cut: " + shown(entry.name) + " ends at byte " +
                       std::to_string(end) + ", the file at " + std::to_string(file_size_));
      }
      const uint64_t element =
          static_cast<uint64_t>(std::max<int64_t>(1, dtype_bytes(entry.dtype)));
      entry.aligned = entry.begin % element == 0;
    }
    const uint64_t padded = checked_add(data_begin, expected, "the end of data");
    if (file_size_ > padded) {
      cursor_.refuse(std::to_string(file_size_ - padded) + " bytes follow the last tensor");
    }
  }

  void check_names() const {
    std::vector<uint32_t> order(header_.tensors.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto name = [this](uint32_t i) { return header_.tensors[i].name; };
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
    const auto twice = std::adjacent_find(
        order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return name(a) == name(b); });
    if (twice != order.end()) cursor_.refuse(shown(name(*twice)) + " appears twice");
  }

  std::span<const std::byte> bytes_;
  GgufCursor cursor_;
  uint64_t file_size_;
  const std::string& what_;
  GgufHeader header_;
  uint64_t alignment_ = kDefaultAlignment;
  size_t key_bytes_ = 0;
};

}  // namespace

bool has_gguf_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() &&
         std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

GgufHeader parse_gguf_header(std::span<const std::byte> bytes, uint64_t file_size,
                             const std::string& what) {
  return HeaderReader(bytes, file_size, what).read();
}

GgufFile::GgufFile(MappedFile mapped) : WeightFile(std::move(mapped)) {
  try {
    header_ = parse_gguf_header(bytes(), file().size(), file().path());
  } catch (const Error&) {
    file().check_unchanged();  // a file that is being written explains a header that makes no sense
    throw;
  }
  file().check_unchanged();
}

GgufValue GgufFile::value(size_t index) const {
  return read_gguf_value(bytes(), header_.keys[index], file().path());
}

}  // namespace conclave::io

#include "io/safetensors.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "io/limits.h"
#include "io/safetensors_header.h"

namespace conclave::io {
namespace {

std::vector<uint32_t> all_indices(const SafetensorsHeader& header) {
  std::vector<uint32_t> indices(header.tensors.size());
  std::iota(indices.begin(), indices.end(), 0u);
  return indices;
}

void check_names(SafetensorsHeader& header, const std::string& what) {
  header.by_name = all_indices(header);
  const auto name = [&](uint32_t i) { return header.tensors[i].name; };
  std::sort(header.by_name.begin(), header.by_name.end(),
            [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  const auto twice = std::adjacent_find(header.by_name.begin(), header.by_name.end(),
                                        [&](uint32_t a, uint32_t b) { return name(a) == name(b); });
  if (twice != header.by_name.end())
    refuse_safetensors(what, shown_tensor(name(*twice)) + " appears twice");
}

// The tensors must cover the data exactly, so that a file cannot hide other content.
void check_layout(const SafetensorsHeader& header, uint64_t data_begin, uint64_t file_size,
                  const std::string& what) {
  std::vector<uint32_t> order = all_indices(header);
  const auto& tensors = header.tensors;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return tensors[a].begin != tensors[b].begin ? tensors[a].begin < tensors[b].begin
                                                : tensors[a].end < tensors[b].end;
  });
  uint64_t at = data_begin;
  for (const uint32_t i : order) {
    const TensorEntry& t = tensors[i];
    if (t.begin != at) {
      refuse_safetensors(
          what, shown_tensor(t.name) +
                    (t.begin < at ? " overlaps the tensor before it" : " leaves a hole before it") +
                    ": it begins at byte " + std::to_string(t.begin) + ", not " +
                    std::to_string(at));
    }
    at = t.end;
  }
  if (at == file_size) return;
  refuse_safetensors(what, at > file_size
                               ? "it is cut: its tensors end at byte " + std::to_string(at) +
                                     ", the file at " + std::to_string(file_size)
                               : std::to_string(file_size - at) + " bytes follow the last tensor");
}

// Names what the file is instead, where its first bytes tell.
void refuse_other_formats(std::string_view bytes, const std::string& what) {
  const auto starts = [&](std::string_view magic) {
    return bytes.substr(0, magic.size()) == magic;
  };
  const bool pickle = bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  const char* format = starts("GGUF")         ? "a GGUF file"
                       : starts("PK\x03\x04") ? "a zip archive, as PyTorch writes it"
                       : pickle               ? "a Python pickle"
                                              : nullptr;
  if (format == nullptr) return;
  throw Error("unsupported_format", "Expected safetensors in " + what + ", but it is " + format +
                                        ". Use the safetensors version of the model.");
}

}  // namespace

Shape TensorEntry::shape() const {
  if (dims.size() > 4) {
    throw Error("unsupported_model", "Expected at most 4 dimensions, but " + shown_tensor(name) +
                                         " has " + std::to_string(dims.size()) + ".");
  }
  Shape shape;
  for (const int64_t dim : dims) shape.dims[static_cast<size_t>(shape.rank++)] = dim;
  return shape;
}

const TensorEntry* SafetensorsHeader::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name.begin(), by_name.end(), name,
      [&](uint32_t i, std::string_view wanted) { return tensors[i].name < wanted; });
  return at != by_name.end() && tensors[*at].name == name ? &tensors[*at] : nullptr;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, uint64_t file_size,
                                           const std::string& what) {
  if (bytes.size() < kLengthBytes)
    refuse_safetensors(what, "it has only " + std::to_string(bytes.size()) + " bytes");
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;)
    length = (length << 8) | std::to_integer<uint64_t>(bytes[i]);
  const char* start = reinterpret_cast<const char*>(bytes.data());
  const bool braced = bytes.size() > kLengthBytes && start[kLengthBytes] == '{';
  if (!braced || length > kMaxHeaderBytes) refuse_other_formats({start, bytes.size()}, what);
  const std::string claims = "its header claims " + std::to_string(length) + " bytes; ";
  if (length > kMaxHeaderBytes) refuse_safetensors(what, claims + "at most 100000000 are read");
  if (length > bytes.size() - kLengthBytes)
    refuse_safetensors(what, claims + "the file has " + std::to_string(file_size));
  if (length == 0 || !braced)
    refuse_safetensors(what, "its header does not start with '{' at byte 8");
  SafetensorsHeader header =
      read_safetensors_json({start + kLengthBytes, static_cast<size_t>(length)}, what);
  check_names(header, what);
  check_layout(header, kLengthBytes + length, file_size, what);
  return header;
}

SafetensorsFile::SafetensorsFile(MappedFile mapped) : WeightFile(std::move(mapped)) {
  try {
    header_ = parse_safetensors_header(bytes(), file().size(), file().path());
  } catch (const Error&) {
    file().check_unchanged();  // a file that is being written explains a header that makes no sense
    throw;
  }
  file().check_unchanged();
}

}  // namespace conclave::io

#include "io/weight_file.h"

#include "io/gguf.h"
#include "io/safetensors.h"

namespace conclave::io {

const std::byte* WeightFile::data(const TensorEntry& tensor) const {
  alignas(64) static constexpr std::byte kNothing[64]{};
  return tensor.begin == tensor.end ? kNothing : file_.data() + tensor.begin;
}

std::unique_ptr<WeightFile> open_weight_file(const std::string& path) {
  MappedFile file(path);
  const bool gguf = has_gguf_magic({file.data(), static_cast<size_t>(file.size())});
  if (gguf) return std::make_unique<GgufFile>(std::move(file));
  return std::make_unique<SafetensorsFile>(std::move(file));
}

}  // namespace conclave::io

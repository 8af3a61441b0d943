#pragma once
// One mapped file of tensors, in any of the formats that Conclave reads.
#include <memory>
#include <string>
#include <vector>

#include "io/mapped_file.h"
#include "io/tensor_entry.h"

namespace conclave::io {

class WeightFile {
 public:
  virtual ~WeightFile() = default;
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  virtual const std::vector<TensorEntry>& tensors() const = 0;
  // Valid while this object lives. Of a zero-size tensor: a pointer to nothing that is not null.
  const std::byte* data(const TensorEntry& tensor) const;
  const MappedFile& file() const { return file_; }

 protected:
  explicit WeightFile(MappedFile file) : file_(std::move(file)) {}
  std::span<const std::byte> bytes() const {
    return {file_.data(), static_cast<size_t>(file_.size())};
  }

 private:
  MappedFile file_;
};

// GGUF by its first four bytes, everything else as safetensors: the name of a file says nothing.
std::unique_ptr<WeightFile> open_weight_file(const std::string& path);

}  // namespace conclave::io

#pragma once
// All weight files of a model as one set of names.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/weight_file.h"

namespace conclave::io {

// A tensor and the file that holds it; empty where no file does. Valid as long as its store.
struct StoredTensor {
  const TensorEntry* entry = nullptr;
  const WeightFile* file = nullptr;
  size_t file_index = 0;  // into the paths that the store was opened with

  explicit operator bool() const { return entry != nullptr; }
  const std::byte* data() const { return file->data(*entry); }
};

class WeightStore {
 public:
  // Maps every file and checks its header. Two files with one tensor name: `invalid_file`.
  explicit WeightStore(const std::vector<std::string>& paths);

  size_t num_files() const { return files_.size(); }
  const WeightFile& file(size_t index) const { return *files_[index]; }
  // In file order, then header order.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  size_t num_tensors() const { return tensors_.size(); }
  uint64_t total_bytes() const { return total_bytes_; }

  StoredTensor find(std::string_view name) const;
  // `invalid_file` naming the tensor where it is absent.
  StoredTensor at(std::string_view name) const;
  // `file_changed` if any file is no longer as it was when it was opened.
  void check_unchanged() const;

 private:
  std::vector<std::unique_ptr<WeightFile>> files_;
  std::vector<StoredTensor> tensors_;
  std::vector<uint32_t> by_name_;  // indices into tensors_, sorted by name
  uint64_t total_bytes_ = 0;
};

}  // namespace conclave::io

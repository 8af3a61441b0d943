#include "io/weight_store.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "io/checked.h"
#include "io/limits.h"

namespace conclave::io {

WeightStore::WeightStore(const std::vector<std::string>& paths) {
  size_t num_tensors = 0;
  for (const std::string& path : paths) {
    files_.push_back(open_weight_file(path));
    num_tensors += files_.back()->tensors().size();
    if (num_tensors > kMaxModelTensors)
      throw Error("invalid_file", "Expected at most 262,144 tensors in all weight files, but " +
                                      path + " brings more.");
  }
  tensors_.reserve(num_tensors);
  for (size_t f = 0; f < files_.size(); f++) {
    for (const TensorEntry& entry : files_[f]->tensors()) {
      tensors_.push_back({&entry, files_[f].get(), f});
      total_bytes_ = checked_add(total_bytes_, entry.bytes(), "the size of all weights");
    }
  }
  by_name_.resize(num_tensors);
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  const auto name = [&](uint32_t i) { return tensors_[i].entry->name; };
  std::sort(by_name_.begin(), by_name_.end(),
            [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  const auto twice = std::adjacent_find(by_name_.begin(), by_name_.end(),
                                        [&](uint32_t a, uint32_t b) { return name(a) == name(b); });
  if (twice == by_name_.end()) return;
  throw Error("invalid_file", "Expected every tensor in one file, but \"" +
                                  std::string(name(*twice)) + "\" is in " +
                                  tensors_[twice[0]].file->file().path() + " and in " +
                                  tensors_[twice[1]].file->file().path() + ".");
}

StoredTensor WeightStore::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [&](uint32_t i, std::string_view wanted) { return tensors_[i].entry->name < wanted; });
  return at != by_name_.end() && tensors_[*at].entry->name == name ? tensors_[*at] : StoredTensor{};
}

StoredTensor WeightStore::at(std::string_view name) const {
  if (const StoredTensor tensor = find(name)) return tensor;
  throw Error("invalid_file", "Expected the tensor \"" + std::string(name) +
                                  "\" in the weight files, but none of the " +
                                  std::to_string(files_.size()) + " files holds it.");
}

void WeightStore::check_unchanged() const {
  for (const auto& file : files_) file->file().check_unchanged();
}

}  // namespace conclave::io

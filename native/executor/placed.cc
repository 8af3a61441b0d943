#include "executor/placed.h"

#include <algorithm>

#include "cpu/panels.h"
#include "cuda/expert_table.h"

namespace conclave::executor {

namespace {
// Small matrices would each take whole pages of a card by themselves.
constexpr int64_t kChunkBytes = 1 << 20;
}  // namespace

Placed::Placed(Device& device, int64_t bytes) : device_(device) {
  if (bytes > 0) chunks_.emplace_back(device, bytes);
}

std::byte* Placed::take(int64_t bytes) {
  if (chunks_.empty() || used_ + bytes > chunks_.back().size()) {
    chunks_.emplace_back(device_, std::max(bytes, kChunkBytes));
    used_ = 0;
  }
  std::byte* memory = chunks_.back().data() + used_;
  used_ += placed_align(bytes);
  return memory;
}

std::byte* Placed::put(const void* from, int64_t bytes) {
  std::byte* memory = take(bytes);
  device_.write(memory, from, bytes);
  return memory;
}

void Placed::place(BoundWeights& bound, size_t id) {
  Weight& matrix = bound.matrices[id];
  Tensor& vector = bound.vectors[id];
  const int64_t groups = cpu::groups_of(matrix.cols);
  if (matrix.data != nullptr)
    matrix.data = put(matrix.data, matrix.rows * matrix.cols * dtype_bytes(matrix.dtype));
  if (matrix.scales != nullptr)
    matrix.scales = reinterpret_cast<const float*>(put(matrix.scales, matrix.rows * groups * 4));
  if (vector.data != nullptr)
    vector.data = put(vector.data, vector.shape.elements() * dtype_bytes(vector.dtype));
  bound.owned.clear();
}

void Placed::place(ops::ExpertTable& experts) {
  const std::vector<std::byte> table =
      cuda::expert_table(experts, static_cast<cuda::CudaStream&>(device_.stream()));
  experts.device_table = put(table.data(), static_cast<int64_t>(table.size()));
}

}  // namespace conclave::executor

#include "cpu/dot_block.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace conclave::cpu {

namespace {
constexpr int64_t kActivationBytes =
    256 << 10;  // of one piece of tokens; half of a small second-level cache
}

void point_at_activations(const void** rows, void* converted, const float* x, int64_t num_tokens,
                          int64_t width, const MatmulKernel& kernel, CpuStream& stream) {
  const int64_t stride = activation_stride(kernel, width);
  std::byte* base = static_cast<std::byte*>(converted);
  for (int64_t t = 0; t < num_tokens; t++) {
    rows[t] = kernel.convert ? static_cast<const void*>(base + t * stride) : x + t * width;
  }
  if (!kernel.convert) return;
  for_each_range(stream.pool, num_tokens, 1 + 8192 / width, num_tokens * width / 8,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t t = begin; t < end; t++) {
                     kernel.convert(base + t * stride, x + t * width, width);
                   }
                 });
}

void dot_block(float* const* y, int64_t y_offset, const void* const* x, int64_t num_x,
               const Weight& w, int64_t first_row, int64_t num_rows, const void* next_w,
               const MatmulKernel& kernel) {
  const int64_t piece = std::max<int64_t>(
      kActivationBytes / std::max<int64_t>(activation_stride(kernel, w.cols), 1), 12);
  for (int64_t t = 0; t < num_x; t += piece) {
    kernel.dot_rows({y + t, x + t, weight_row(w, first_row), weight_scales(w, first_row), next_w,
                     y_offset, std::min(piece, num_x - t), num_rows, w.cols});
  }
}

int64_t rows_per_task(const Weight& w, int64_t target_bytes, int64_t min_tasks) {
  const int64_t row_bytes = std::max<int64_t>(weight_row_bytes(w), 1);
  const int64_t by_bytes = target_bytes / row_bytes;
  const int64_t by_tasks = (w.rows + min_tasks - 1) / min_tasks;
  return std::max<int64_t>((std::min(by_bytes, by_tasks) + 15) / 16 * 16, 16);
}

}  // namespace conclave::cpu

#pragma once
// What matmul and moe_experts share: activations in the form that a kernel takes, and dot products
// of many tokens with a block of weight rows.
#include "core/tensor.h"
#include "cpu/stream.h"
#include "cpu/weight_format.h"

namespace conclave::cpu {

// Fills rows[t] with the address of token t's activations as `kernel` takes them; `converted` has
// activation_bytes(…) bytes and is used only where x has to be rounded to bf16.
void point_at_activations(const void** rows, void* converted, const float* x, int64_t num_tokens,
                          int64_t width, const MatmulKernel& kernel, CpuStream& stream);

// Bytes from one token's activations to the next: rows start on cache lines.
constexpr int64_t activation_stride(const MatmulKernel& kernel, int64_t width) {
  return kernel.bf16_activations ? (width * 2 + 63) / 64 * 64 : width * 4;
}

inline int64_t activation_bytes(const MatmulKernel& kernel, int64_t num_tokens, int64_t width) {
  return num_tokens * activation_stride(kernel, width);
}

// y[m][y_offset + n] for num_x tokens and rows [first_row, first_row + num_rows) of w. Tokens are
// taken in pieces whose activations stay in the second-level cache while the rows stream by.
void dot_block(float* const* y, int64_t y_offset, const void* const* x, int64_t num_x,
               const Weight& w, int64_t first_row, int64_t num_rows, const void* next_w,
               const MatmulKernel& kernel);

// Rows a task should take: about `target_bytes` of weights, at least `min_tasks` tasks, a multiple
// of 8.
int64_t rows_per_task(const Weight& w, int64_t target_bytes, int64_t min_tasks);

// A rough price on one thread, for the choice between the pool and the caller alone.
inline int64_t dot_cost_ns(const Weight& w, int64_t num_x) {
  const int64_t values = w.rows * w.cols;
  return values * dtype_bytes(w.dtype) / 20 + values * num_x / 40;
}

}  // namespace conclave::cpu

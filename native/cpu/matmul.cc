#include <algorithm>

#include "cpu/dot_block.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace conclave::cpu {

namespace {
// Enough rows that a task outlasts its hand-out, few enough that the last tasks end together.
constexpr int64_t kTaskBytes = 256 << 10;
constexpr int64_t kTasksPerThread = 4;
}  // namespace

void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, CpuStream& stream) {
  const int64_t num_tokens = x.shape[0];
  if (num_tokens == 0 || w.rows == 0) return;
  const MatmulKernel& kernel = stream.kernels.matmul[weight_format(w)];
  void* converted = stream.scratch(0, converted_bytes(kernel, num_tokens, w.cols));
  void** pointers = static_cast<void**>(stream.scratch(1, 2 * num_tokens * int64_t{sizeof(void*)}));
  const void** x_rows = const_cast<const void**>(pointers);
  float** y_rows = reinterpret_cast<float**>(pointers + num_tokens);
  const int64_t in_tiles = tiles_bytes(kernel, num_tokens, w.cols);
  std::byte* tiles = in_tiles > 0 ? static_cast<std::byte*>(stream.scratch(2, in_tiles)) : nullptr;
  point_at_activations(x_rows, converted, tiles, x.f32(), num_tokens, w.cols, kernel, stream);
  for (int64_t t = 0; t < num_tokens; t++) y_rows[t] = y.f32() + t * w.rows;

  const int64_t rows = rows_per_task(w, kTaskBytes, kTasksPerThread * stream.pool.num_threads());
  const int64_t num_tasks = (w.rows + rows - 1) / rows;
  for_each_task(stream.pool, num_tasks, dot_cost_ns(w, num_tokens), [&](int64_t task, int) {
    const int64_t begin = task * rows, end = std::min(begin + rows, w.rows);
    const int64_t next = std::min(task + stream.pool.num_threads(), num_tasks - 1) * rows;
    dot_block(y_rows, begin, {x_rows, tiles, num_tokens}, w, begin, end - begin,
              weight_row(w, next), kernel);
    if (!bias) return;
    for (int64_t t = 0; t < num_tokens; t++) {
      for (int64_t n = begin; n < end; n++) y_rows[t][n] += bias.f32()[n];
    }
  });
}

}  // namespace conclave::cpu

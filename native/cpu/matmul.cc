#include <algorithm>

#include "cpu/dot_block.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace conclave::cpu {

namespace {
// Enough rows that a task outlasts its hand-out, few enough that the last tasks end together.
constexpr int64_t kTaskBytes = 256 << 10;
constexpr int64_t kTasksPerThread = 4;

// One product's share of the queue.
struct Part {
  const ops::Product* product;
  float** y_rows;  // (num_tokens)
  int64_t task_rows, num_tasks;
};

struct Task {
  const Part* part;
  int64_t first_row;
  const Weight& weight() const { return *part->product->w; }
};

void run_task(const Task& task, const void* next_w, const Tokens& x, const MatmulKernel& kernel) {
  const Weight& w = task.weight();
  float** y_rows = task.part->y_rows;
  const int64_t begin = task.first_row, end = std::min(begin + task.part->task_rows, w.rows);
  dot_block(y_rows, begin, x, w, begin, end - begin, next_w, kernel);
  const Tensor& bias = task.part->product->bias;
  if (!bias) return;
  for (int64_t t = 0; t < x.count; t++) {
    for (int64_t n = begin; n < end; n++) y_rows[t][n] += bias.f32()[n];
  }
}
}  // namespace

void matmul(std::span<const ops::Product> products, Tensor x, CpuStream& stream) {
  const int64_t num_tokens = x.shape[0], count = static_cast<int64_t>(products.size());
  const Weight& any = *products[0].w;
  const int64_t width = any.cols;
  const MatmulKernel& kernel = stream.kernels.matmul[weight_format(any)];
  void* converted = stream.scratch(0, converted_bytes(kernel, num_tokens, width));
  const int64_t pointer_bytes = (count + 1) * num_tokens * int64_t{sizeof(void*)};
  void** pointers =
      static_cast<void**>(stream.scratch(1, pointer_bytes + count * int64_t{sizeof(Part)}));
  const void** x_rows = const_cast<const void**>(pointers);
  const int64_t in_tiles = tiles_bytes(kernel, num_tokens, width);
  std::byte* tiles = in_tiles > 0 ? static_cast<std::byte*>(stream.scratch(2, in_tiles)) : nullptr;
  point_at_activations(x_rows, converted, tiles, x.f32(), num_tokens, width, kernel, stream);

  Part* parts = reinterpret_cast<Part*>(pointers + (count + 1) * num_tokens);
  // Several matrices share out what one would give the threads.
  const int64_t least_tasks = (kTasksPerThread * stream.pool.num_threads() + count - 1) / count;
  int64_t num_tasks = 0, cost_ns = 0;
  for (int64_t p = 0; p < count; p++) {
    const Weight& w = *products[static_cast<size_t>(p)].w;
    float** y_rows = reinterpret_cast<float**>(pointers + (p + 1) * num_tokens);
    float* y = products[static_cast<size_t>(p)].y.f32();
    for (int64_t t = 0; t < num_tokens; t++) y_rows[t] = y + t * w.rows;
    const int64_t rows = rows_per_task(w, kTaskBytes, least_tasks);
    parts[p] = {&products[static_cast<size_t>(p)], y_rows, rows, (w.rows + rows - 1) / rows};
    num_tasks += parts[p].num_tasks;
    cost_ns += dot_cost_ns(w, num_tokens);
  }
  const auto task_at = [&](int64_t i) {
    const Part* part = parts;
    for (; i >= part->num_tasks; part++) i -= part->num_tasks;
    return Task{part, i * part->task_rows};
  };
  for_each_task(stream.pool, num_tasks, cost_ns, [&](int64_t i, int) {
    const Task next = task_at(std::min(i + stream.pool.num_threads(), num_tasks - 1));
    run_task(task_at(i), weight_row(next.weight(), next.first_row), {x_rows, tiles, num_tokens},
             kernel);
  });
}

}  // namespace conclave::cpu

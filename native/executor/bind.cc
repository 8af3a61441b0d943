#include "executor/bind.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "executor/store_row.h"
#include "executor/weight_source.h"

namespace conclave::executor {
namespace {

constexpr int64_t kTaskElements = 1 << 16;

DType target_dtype(const WeightSource& source, WeightPolicy policy) {
  const WeightRef& ref = source.ref();
  if (!ref.is_matrix || ref.exact) return DType::f32;
  if (policy == WeightPolicy::f32) return DType::f32;
  if (policy == WeightPolicy::bf16) return DType::bf16;
  if (policy == WeightPolicy::int8) return DType::i8;
  // No kernel multiplies blocks as they lie, nor scales that change along a row.
  const bool widened = is_block_dtype(source.dtype()) || ref.scales;
  return widened && !source.is_int8_by_row() ? DType::bf16 : source.dtype();
}

int64_t bound_bytes(const WeightRef& ref, DType dtype) {
  return ref.rows * ref.cols * dtype_bytes(dtype) + (dtype == DType::i8 ? ref.rows * 4 : 0);
}

// fn(row, scratch) for each row; scratch holds one row of floats.
template <class Fn>
void for_rows(const WeightRef& ref, cpu::ThreadPool& pool, Fn&& fn) {
  const int64_t rows_a_task = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, ref.cols));
  std::vector<float> scratch(static_cast<size_t>(pool.num_threads() * ref.cols));
  pool.parallel_for((ref.rows + rows_a_task - 1) / rows_a_task, [&](int64_t task, int thread) {
    const int64_t end = std::min(ref.rows, (task + 1) * rows_a_task);
    for (int64_t row = task * rows_a_task; row < end; row++)
      fn(row, scratch.data() + thread * ref.cols);
  });
}

void check_finite(const WeightSource& source, cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  std::atomic<int64_t> bad{-1};
  for_rows(ref, pool, [&](int64_t row, float* x) {
    source.read_row(x, row);
    for (int64_t c = 0; c < ref.cols; c++) {
      if (!std::isfinite(x[c])) bad = row * ref.cols + c;
    }
  });
  if (bad < 0) return;
  throw Error("numerical_error", "Expected finite weights, but \"" + ref.tensor +
                                     "\" holds NaN or infinity at element " + std::to_string(bad) +
                                     ".");
}

// True where the stored elements are what kernels read.
bool keeps_bytes(const WeightSource& source, DType dtype) {
  return dtype == source.dtype() && (dtype != DType::i8 || source.is_int8_by_row());
}

// The scales of int8 rows that stay in the file.
const float* copy_scales(BoundWeights& bound, const WeightSource& source) {
  AlignedBytes memory(source.ref().rows * static_cast<int64_t>(sizeof(float)));
  float* scales = reinterpret_cast<float*>(memory.data());
  for (int64_t row = 0; row < source.ref().rows; row++) scales[row] = source.row_scale(row);
  bound.owned.push_back(std::move(memory));
  return scales;
}

// One weight converted into memory of its own.
void convert(BoundWeights& bound, size_t id, const WeightSource& source, DType dtype,
             cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  const int64_t row_bytes = ref.cols * dtype_bytes(dtype);
  const int64_t scales_at = (ref.rows * row_bytes + 63) / 64 * 64;
  AlignedBytes memory(scales_at + (dtype == DType::i8 ? ref.rows * 4 : 0));
  float* scales = reinterpret_cast<float*>(memory.data() + scales_at);
  const bool kept = keeps_bytes(source, dtype);
  for_rows(ref, pool, [&](int64_t row, float* x) {
    std::byte* target = memory.data() + row * row_bytes;
    const std::byte* stored = kept ? source.stored_row(row) : nullptr;
    if (stored != nullptr) {
      std::memcpy(target, stored, static_cast<size_t>(row_bytes));
      if (dtype == DType::i8) scales[row] = source.row_scale(row);
    } else {
      source.read_row(x, row);
      store_row(target, scales + row, dtype, x, ref.cols);
    }
  });
  if (ref.is_matrix) {
    bound.matrices[id] = {memory.data(), dtype, ref.rows, ref.cols,
                          dtype == DType::i8 ? scales : nullptr};
  } else {
    bound.vectors[id] = {memory.data(), DType::f32, {ref.cols}};
  }
  bound.owned.push_back(std::move(memory));
}

}  // namespace

BoundWeights bind_weights(const Graph& graph, const io::WeightStore& store, WeightPolicy policy,
                          bool validate, cpu::ThreadPool& pool, const Progress& progress) {
  BoundWeights bound;
  bound.matrices.resize(graph.weights.size());
  bound.vectors.resize(graph.weights.size());
  int64_t total = 0, done = 0;
  for (const WeightRef& ref : graph.weights) {
    total += bound_bytes(ref, target_dtype(WeightSource(ref, store), policy));
  }
  for (size_t id = 0; id < graph.weights.size(); id++) {
    const WeightRef& ref = graph.weights[id];
    const WeightSource source(ref, store);
    const DType dtype = target_dtype(source, policy);
    source.check_scales();
    if (validate) check_finite(source, pool);
    const std::byte* in_place = keeps_bytes(source, dtype) ? source.in_place() : nullptr;
    if (ref.is_matrix && in_place != nullptr) {
      const float* scales = dtype == DType::i8 ? copy_scales(bound, source) : nullptr;
      bound.matrices[id] = {in_place, dtype, ref.rows, ref.cols, scales};
    } else {
      convert(bound, id, source, dtype, pool);
      source.release();
    }
    done += bound_bytes(ref, dtype);
    progress(done, total);
  }
  store.check_unchanged();
  bound.resident_bytes = total;
  return bound;
}

}  // namespace conclave::executor

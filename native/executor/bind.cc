#include "executor/bind.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace conclave::executor {
namespace {

constexpr int64_t kTaskElements = 1 << 16;

// One weight's source in the mapped file, read element by element with any strides.
struct Source {
  const std::byte* data;
  DType dtype;
  const WeightRef* ref;

  float at(int64_t row, int64_t col) const {
    const int64_t i = ref->offset + row * ref->row_stride + col * ref->col_stride;
    if (dtype == DType::f32) return load<float>(i);
    const uint16_t half = load<uint16_t>(i);
    return dtype == DType::bf16 ? bf16_to_f32(half) : f16_to_f32(half);
  }
  template <class T>
  T load(int64_t i) const {  // memcpy: a file may place a tensor on any byte
    T x;
    std::memcpy(&x, data + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return x;
  }
};

Source open_source(const WeightRef& ref, const io::WeightStore& store) {
  const io::StoredTensor tensor = store.at(ref.tensor);
  const DType dtype = tensor.entry->dtype;
  if (dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16) {
    throw Error("unsupported_format", "Expected f32, f16 or bf16 for \"" + ref.tensor + "\", but the file holds " + dtype_name(dtype) + ".");
  }
  const int64_t elements = static_cast<int64_t>(tensor.entry->bytes()) / dtype_bytes(dtype);
  // parse_graph bounds every factor below 2^40, so the last index does not wrap.
  const int64_t last = ref.offset + (ref.rows - 1) * ref.row_stride + (ref.cols - 1) * ref.col_stride;
  if (last >= elements) {
    throw Error("invalid_file", "Expected at least " + std::to_string(last + 1) + " elements in \"" + ref.tensor + "\", but it has " + std::to_string(elements) + ".");
  }
  return {tensor.data(), dtype, &ref};
}

DType target_dtype(const WeightRef& ref, DType stored, WeightPolicy policy) {
  if (!ref.is_matrix || ref.exact) return DType::f32;
  if (policy == WeightPolicy::f32) return DType::f32;
  if (policy == WeightPolicy::bf16) return DType::bf16;
  if (policy == WeightPolicy::int8) return DType::i8;
  return stored;
}

int64_t bound_bytes(const WeightRef& ref, DType dtype) {
  return ref.rows * ref.cols * dtype_bytes(dtype) + (dtype == DType::i8 ? ref.rows * 4 : 0);
}

// Symmetric, one scale an output channel: scale = amax / 127, q = round(w / scale).
void quantise_row(int8_t* q, float* scale, const Source& source, int64_t row) {
  float amax = 0;
  for (int64_t c = 0; c < source.ref->cols; c++) amax = std::max(amax, std::fabs(source.at(row, c)));
  *scale = amax / 127.0f;
  const float inverse = amax > 0 ? 127.0f / amax : 0.0f;
  for (int64_t c = 0; c < source.ref->cols; c++) {
    const float scaled = std::nearbyint(source.at(row, c) * inverse);
    q[c] = static_cast<int8_t>(std::clamp(scaled, -127.0f, 127.0f));
  }
}

void convert_row(std::byte* target, DType dtype, const Source& source, int64_t row) {
  const int64_t cols = source.ref->cols;
  const bool dense_copy = dtype == source.dtype && source.ref->col_stride == 1;
  if (dense_copy) {
    const int64_t first = source.ref->offset + row * source.ref->row_stride;
    std::memcpy(target, source.data + first * dtype_bytes(dtype), static_cast<size_t>(cols * dtype_bytes(dtype)));
  } else if (dtype == DType::f32) {
    float* y = reinterpret_cast<float*>(target);
    for (int64_t c = 0; c < cols; c++) y[c] = source.at(row, c);
  } else if (dtype == DType::bf16) {
    uint16_t* y = reinterpret_cast<uint16_t*>(target);
    for (int64_t c = 0; c < cols; c++) y[c] = f32_to_bf16(source.at(row, c));
  } else {  // f16 of another stride: the bits are copied as they are
    uint16_t* y = reinterpret_cast<uint16_t*>(target);
    for (int64_t c = 0; c < cols; c++) {
      y[c] = source.load<uint16_t>(source.ref->offset + row * source.ref->row_stride + c * source.ref->col_stride);
    }
  }
}

template <class Fn>
void for_rows(const WeightRef& ref, cpu::ThreadPool& pool, Fn&& fn) {
  const int64_t rows_a_task = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, ref.cols));
  pool.parallel_for((ref.rows + rows_a_task - 1) / rows_a_task, [&](int64_t task, int) {
    const int64_t end = std::min(ref.rows, (task + 1) * rows_a_task);
    for (int64_t row = task * rows_a_task; row < end; row++) fn(row);
  });
}

void check_finite(const Source& source, cpu::ThreadPool& pool) {
  std::atomic<int64_t> bad{-1};
  for_rows(*source.ref, pool, [&](int64_t row) {
    for (int64_t c = 0; c < source.ref->cols; c++) {
      if (!std::isfinite(source.at(row, c))) bad = row * source.ref->cols + c;
    }
  });
  if (bad < 0) return;
  throw Error("numerical_error", "Expected finite weights, but \"" + source.ref->tensor + "\" holds NaN or infinity at element " + std::to_string(bad) + ".");
}

// The file's pages of a weight that has been copied are not needed again.
void release(const io::WeightStore& store, const WeightRef& ref, const Source& source) {
  if (!ref.dense()) return;  // its neighbours in the tensor may still be read
  const io::StoredTensor tensor = store.at(ref.tensor);
  const uint64_t begin = tensor.entry->begin + static_cast<uint64_t>(ref.offset * dtype_bytes(source.dtype));
  tensor.file->file().advise_dontneed(begin, begin + static_cast<uint64_t>(ref.rows * ref.cols * dtype_bytes(source.dtype)));
}

// One weight converted into memory of its own.
void convert(BoundWeights& bound, size_t id, const Source& source, DType dtype, cpu::ThreadPool& pool) {
  const WeightRef& ref = *source.ref;
  const int64_t row_bytes = ref.cols * dtype_bytes(dtype);
  const int64_t scales_at = (ref.rows * row_bytes + 63) / 64 * 64;
  AlignedBytes memory(scales_at + (dtype == DType::i8 ? ref.rows * 4 : 0));
  float* scales = reinterpret_cast<float*>(memory.data() + scales_at);
  for_rows(ref, pool, [&](int64_t row) {
    std::byte* target = memory.data() + row * row_bytes;
    if (dtype == DType::i8) {
      quantise_row(reinterpret_cast<int8_t*>(target), scales + row, source, row);
    } else {
      convert_row(target, dtype, source, row);
    }
  });
  if (ref.is_matrix) {
    bound.matrices[id] = {memory.data(), dtype, ref.rows, ref.cols, dtype == DType::i8 ? scales : nullptr};
  } else {
    bound.vectors[id] = {memory.data(), DType::f32, {ref.cols}};
  }
  bound.owned.push_back(std::move(memory));
}

}  // namespace

BoundWeights bind_weights(const Graph& graph, const io::WeightStore& store, WeightPolicy policy, bool validate,
                          cpu::ThreadPool& pool, const Progress& progress) {
  BoundWeights bound;
  bound.matrices.resize(graph.weights.size());
  bound.vectors.resize(graph.weights.size());
  int64_t total = 0, done = 0;
  for (const WeightRef& ref : graph.weights) {
    total += bound_bytes(ref, target_dtype(ref, open_source(ref, store).dtype, policy));
  }
  for (size_t id = 0; id < graph.weights.size(); id++) {
    const WeightRef& ref = graph.weights[id];
    const Source source = open_source(ref, store);
    const DType dtype = target_dtype(ref, source.dtype, policy);
    const std::byte* first = source.data + ref.offset * dtype_bytes(source.dtype);
    // An unaligned view would fault on some processors and is slow on the rest.
    const bool aligned = reinterpret_cast<uintptr_t>(first) % static_cast<size_t>(dtype_bytes(dtype)) == 0;
    if (validate) check_finite(source, pool);
    if (ref.is_matrix && dtype == source.dtype && ref.dense() && aligned) {
      bound.matrices[id] = {first, dtype, ref.rows, ref.cols, nullptr};
    } else {
      convert(bound, id, source, dtype, pool);
      release(store, ref, source);
    }
    done += bound_bytes(ref, dtype);
    progress(done, total);
  }
  store.check_unchanged();
  bound.resident_bytes = total;
  return bound;
}

}  // namespace conclave::executor

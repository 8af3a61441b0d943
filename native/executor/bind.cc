#include "executor/bind.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "cpu/panels.h"
#include "executor/conversion.h"
#include "executor/weight_source.h"

namespace conclave::executor {
namespace {

// Rows are looked at together.
constexpr int64_t kTaskElements = 1 << 16;

DType target_dtype(const WeightSource& source, WeightPolicy policy) {
  const WeightRef& ref = source.ref();
  if (!ref.is_matrix || ref.exact) return DType::f32;
  if (policy == WeightPolicy::f32) return DType::f32;
  if (policy == WeightPolicy::bf16) return DType::bf16;
  if (policy == WeightPolicy::int8) return DType::i8;
  // Formats that int8 panels hold exactly; no kernel multiplies other blocks as they lie.
  if (source.dtype() == DType::q8_0 || source.is_int8_by_group()) return DType::i8;
  return is_block_dtype(source.dtype()) || ref.scales ? DType::bf16 : source.dtype();
}

void check_finite(const WeightSource& source, cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  std::atomic<int64_t> bad{-1};
  const int64_t rows = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, ref.cols));
  std::vector<float> scratch(static_cast<size_t>(pool.num_threads() * ref.cols));
  pool.parallel_for((ref.rows + rows - 1) / rows, [&](int64_t task, int thread) {
    float* x = scratch.data() + thread * ref.cols;
    for (int64_t row = task * rows; row < std::min(ref.rows, (task + 1) * rows); row++) {
      source.read_row(x, row);
      for (int64_t c = 0; c < ref.cols; c++) {
        if (!std::isfinite(x[c])) bad = row * ref.cols + c;
      }
    }
  });
  if (bad < 0) return;
  throw Error("numerical_error", "Expected finite weights, but \"" + ref.tensor +
                                     "\" holds NaN or infinity at element " + std::to_string(bad) +
                                     ".");
}

// Columns that share a scale where int8 is made while loading: as many as in the panels where that
// divides every matrix, as files of such groups ask, else the whole row (0).
int64_t made_group(const Graph& graph) {
  const bool divides = std::all_of(graph.weights.begin(), graph.weights.end(), [](const auto& w) {
    return !w.is_matrix || w.exact || w.cols % cpu::kGroupCols == 0;
  });
  return divides ? cpu::kGroupCols : 0;
}

// A matrix that kernels can read where the file has it. Not what is exact, routers: small, and each
// between matrices that may be copied, it would keep a large page of the file in memory.
const std::byte* in_place(const WeightSource& source, DType dtype) {
  const WeightRef& ref = source.ref();
  const bool same = ref.is_matrix && !ref.exact && dtype == source.dtype() && dtype != DType::i8;
  return same ? source.in_place() : nullptr;
}

}  // namespace

std::byte* BoundWeights::own(int64_t bytes) {
  if (owned.empty() || used + bytes > owned.back().size()) {
    owned.emplace_back(bytes);
    used = 0;
  }
  std::byte* memory = owned.back().data() + used;
  used += aligned(bytes);
  return memory;
}

int64_t placed_bytes(const Graph& graph, const io::WeightStore& store, WeightPolicy policy) {
  int64_t sum = 0;
  for (const WeightRef& ref : graph.weights) {
    const DType dtype = target_dtype(WeightSource(ref, store), policy);
    sum += placed_align(ref.rows * ref.cols * dtype_bytes(dtype));
    if (dtype == DType::i8) sum += placed_align(ref.rows * cpu::groups_of(ref.cols) * 4);
  }
  return sum;
}

BoundWeights bind_weights(const Graph& graph, const io::WeightStore& store, WeightPolicy policy,
                          bool validate, cpu::ThreadPool& pool, const Progress& progress,
                          const Place& place) {
  BoundWeights bound;
  bound.matrices.resize(graph.weights.size());
  bound.vectors.resize(graph.weights.size());
  const Int8Form form = place ? Int8Form::rows : Int8Form::panels;
  int64_t total = 0, done = 0, own = 0;
  for (const WeightRef& ref : graph.weights) {
    const WeightSource source(ref, store);
    const DType dtype = target_dtype(source, policy);
    const int64_t bytes = converted_bytes(ref, dtype, form);
    total += bytes;
    if (in_place(source, dtype) == nullptr) own += aligned(bytes);
  }
  // One block for all that stay here: a matrix alone is too short for large pages.
  if (!place) bound.owned.emplace_back(own);
  const auto on_bytes = [&](int64_t bytes) {
    done += bytes;
    progress(done, total);
  };
  Conversions conversions(pool, {made_group(graph), cpu::select_kernels().try_scales}, on_bytes);
  for (size_t id = 0; id < graph.weights.size(); id++) {
    const WeightRef& ref = graph.weights[id];
    const WeightSource source(ref, store);
    const DType dtype = target_dtype(source, policy);
    const int64_t bytes = converted_bytes(ref, dtype, form);
    source.check_scales();
    if (validate) check_finite(source, pool);
    if (const std::byte* mapped = in_place(source, dtype)) {
      bound.matrices[id] = {mapped, dtype, ref.rows, ref.cols};
      if (place) place(bound, id);
      if (place) source.release(0, ref.rows);
      on_bytes(bytes);
      continue;
    }
    const Conversion conversion{source, dtype, form, bound.own(bytes)};
    conversions.add(conversion);
    if (ref.is_matrix) bound.matrices[id] = conversion.matrix();
    else bound.vectors[id] = {conversion.memory, DType::f32, {ref.cols}};
    if (!place) continue;
    conversions.finish();
    place(bound, id);
  }
  conversions.finish();
  store.check_unchanged();
  bound.resident_bytes = place ? placed_bytes(graph, store, policy) : total;
  return bound;
}

}  // namespace conclave::executor

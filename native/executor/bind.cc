#include "executor/bind.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "cpu/panels.h"
#include "executor/store_row.h"
#include "executor/weight_source.h"
#include "quant/int8_groups.h"

namespace conclave::executor {
namespace {

constexpr int64_t kTaskElements = 1 << 16;

// Of the kernels, to a row.
int64_t groups_of(int64_t cols) { return (cols + cpu::kGroupCols - 1) / cpu::kGroupCols; }

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

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Where the scales of int8 rows begin, behind their values, and where they end.
int64_t scales_at(const WeightRef& ref) { return aligned(ref.rows * ref.cols); }
int64_t int8_rows_bytes(const WeightRef& ref) {
  return scales_at(ref) + ref.rows * groups_of(ref.cols) * int64_t{sizeof(float)};
}

int64_t bound_bytes(const WeightRef& ref, DType dtype, bool panels) {
  if (dtype != DType::i8) return ref.rows * ref.cols * dtype_bytes(dtype);
  if (!panels) return int8_rows_bytes(ref);
  return cpu::panels_of(ref.rows) *
         (cpu::panel_bytes(ref.cols) + cpu::kPanelRows * int64_t{sizeof(float)});
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

// Columns that share a scale where int8 is made while loading: as many as in the panels where that
// divides every matrix, as files of such groups ask, else the whole row (0).
int64_t made_group(const Graph& graph) {
  const bool divides = std::all_of(graph.weights.begin(), graph.weights.end(), [](const auto& w) {
    return !w.is_matrix || w.exact || w.cols % cpu::kGroupCols == 0;
  });
  return divides ? cpu::kGroupCols : 0;
}

// How int8 is made while loading.
struct Int8Maker {
  int64_t group;  // of made_group
  quant::TryScales tries;
};

// One row as int8 with a scale for each group of the kernels: the stored numbers where they fit.
void read_int8_row(int8_t* q, float* scales, float* x, const WeightSource& source, int64_t row,
                   const Int8Maker& maker) {
  const int64_t cols = source.ref().cols, num_groups = groups_of(cols);
  if (source.read_q8_0_row(q, scales, row)) return;
  const std::byte* stored = source.is_int8_by_group() ? source.stored_row(row) : nullptr;
  if (stored != nullptr) {
    std::memcpy(q, stored, static_cast<size_t>(cols));
    for (int64_t g = 0; g < num_groups; g++) {
      scales[g] = source.scale_at(row, g * cpu::kGroupCols);
    }
    return;
  }
  source.read_row(x, row);
  quant::quantise_groups(q, scales, x, cols, maker.group > 0 ? maker.group : cols, maker.tries);
  if (maker.group == 0) std::fill(scales, scales + num_groups, scales[0]);
}

// A matrix packed into int8 panels.
void pack(BoundWeights& bound, size_t id, const WeightSource& source, const Int8Maker& maker,
          cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  const int64_t num_panels = cpu::panels_of(ref.rows), bytes = cpu::panel_bytes(ref.cols);
  const int64_t groups = groups_of(ref.cols);
  std::byte* panels = bound.own(bound_bytes(ref, DType::i8, true));
  float* row_scales = reinterpret_cast<float*>(panels + num_panels * bytes);
  std::fill(row_scales, row_scales + num_panels * cpu::kPanelRows, 0.0f);
  const int64_t threads = pool.num_threads(), panel_values = cpu::kPanelRows * ref.cols;
  std::vector<int8_t> values(static_cast<size_t>(threads * panel_values));
  std::vector<float> floats(static_cast<size_t>(threads * (ref.cols + cpu::kPanelRows * groups)));
  pool.parallel_for(num_panels, [&](int64_t panel, int thread) {
    int8_t* q = values.data() + thread * panel_values;
    float* x = floats.data() + thread * (ref.cols + cpu::kPanelRows * groups);
    float* scales = x + ref.cols;
    const int64_t first = panel * cpu::kPanelRows;
    const int64_t count = std::min(cpu::kPanelRows, ref.rows - first);
    for (int64_t r = 0; r < count; r++) {
      read_int8_row(q + r * ref.cols, scales + r * groups, x, source, first + r, maker);
    }
    cpu::pack_panel(panels + panel * bytes, row_scales + first, {q, scales, count, ref.cols});
  });
  bound.matrices[id] = {panels, DType::i8, ref.rows, ref.cols, row_scales};
}

// The same numbers as rows, with the scales of a row apart from its values: what kernels of other
// devices read.
void pack_rows(BoundWeights& bound, size_t id, const WeightSource& source, const Int8Maker& maker,
               cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  const int64_t groups = groups_of(ref.cols);
  std::byte* memory = bound.own(int8_rows_bytes(ref));
  auto* values = reinterpret_cast<int8_t*>(memory);
  auto* scales = reinterpret_cast<float*>(memory + scales_at(ref));
  for_rows(ref, pool, [&](int64_t row, float* x) {
    read_int8_row(values + row * ref.cols, scales + row * groups, x, source, row, maker);
  });
  bound.matrices[id] = {values, DType::i8, ref.rows, ref.cols, scales};
}

// One weight converted into memory of its own.
void convert(BoundWeights& bound, size_t id, const WeightSource& source, DType dtype,
             cpu::ThreadPool& pool) {
  const WeightRef& ref = source.ref();
  const int64_t row_bytes = ref.cols * dtype_bytes(dtype);
  std::byte* memory = bound.own(ref.rows * row_bytes);
  for_rows(ref, pool, [&](int64_t row, float* x) {
    std::byte* target = memory + row * row_bytes;
    const std::byte* stored = dtype == source.dtype() ? source.stored_row(row) : nullptr;
    if (stored != nullptr) {
      std::memcpy(target, stored, static_cast<size_t>(row_bytes));
    } else {
      source.read_row(x, row);
      store_row(target, dtype, x, ref.cols);
    }
  });
  if (ref.is_matrix) bound.matrices[id] = {memory, dtype, ref.rows, ref.cols};
  else bound.vectors[id] = {memory, DType::f32, {ref.cols}};
}

// A matrix that kernels can read where the file has it.
const std::byte* in_place(const WeightSource& source, DType dtype) {
  const bool same = source.ref().is_matrix && dtype == source.dtype() && dtype != DType::i8;
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
    if (dtype == DType::i8) sum += placed_align(ref.rows * groups_of(ref.cols) * 4);
  }
  return sum;
}

BoundWeights bind_weights(const Graph& graph, const io::WeightStore& store, WeightPolicy policy,
                          bool validate, cpu::ThreadPool& pool, const Progress& progress,
                          const Place& place) {
  BoundWeights bound;
  bound.matrices.resize(graph.weights.size());
  bound.vectors.resize(graph.weights.size());
  const Int8Maker maker{made_group(graph), cpu::select_kernels().try_scales};
  const bool panels = !place;  // kernels of the host read int8 in panels
  int64_t total = 0, done = 0, own = 0;
  for (const WeightRef& ref : graph.weights) {
    const WeightSource source(ref, store);
    const DType dtype = target_dtype(source, policy);
    const int64_t bytes = bound_bytes(ref, dtype, panels);
    total += bytes;
    if (in_place(source, dtype) == nullptr) own += aligned(bytes);
  }
  // One block for all that stay here: a matrix alone is too short for large pages.
  if (!place) bound.owned.emplace_back(own);
  for (size_t id = 0; id < graph.weights.size(); id++) {
    const WeightRef& ref = graph.weights[id];
    const WeightSource source(ref, store);
    const DType dtype = target_dtype(source, policy);
    source.check_scales();
    if (validate) check_finite(source, pool);
    const std::byte* mapped = in_place(source, dtype);
    if (mapped != nullptr) bound.matrices[id] = {mapped, dtype, ref.rows, ref.cols};
    else if (dtype == DType::i8 && !panels) pack_rows(bound, id, source, maker, pool);
    else if (dtype == DType::i8) pack(bound, id, source, maker, pool);
    else convert(bound, id, source, dtype, pool);
    if (place) place(bound, id);
    if (mapped == nullptr || place) source.release();
    done += bound_bytes(ref, dtype, panels);
    progress(done, total);
  }
  store.check_unchanged();
  bound.resident_bytes = place ? placed_bytes(graph, store, policy) : total;
  return bound;
}

}  // namespace conclave::executor

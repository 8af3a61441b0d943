#include "executor/conversion.h"

#include <algorithm>
#include <cstring>

#include "cpu/panels.h"
#include "executor/store_row.h"

namespace conclave::executor {
namespace {

// Of a task, and of all that are done between two looks at the threads: enough that they seldom
// wait for each other, little enough that what is read twice and what a signal waits for is small.
constexpr int64_t kTaskElements = 1 << 16, kBatchElements = 32 << 20;

// Where the scales of int8 rows begin.
int64_t scales_at(const WeightRef& ref) { return aligned(ref.rows * ref.cols); }

float* scales_of(const Conversion& c) {
  const WeightRef& ref = c.source.ref();
  const int64_t values = c.form == Int8Form::panels
                             ? cpu::panels_of(ref.rows) * cpu::panel_bytes(ref.cols)
                             : scales_at(ref);
  return reinterpret_cast<float*>(c.memory + values);
}

}  // namespace

int64_t converted_bytes(const WeightRef& ref, DType dtype, Int8Form form) {
  if (dtype != DType::i8) return ref.rows * ref.cols * dtype_bytes(dtype);
  if (form == Int8Form::rows) {
    return scales_at(ref) + ref.rows * cpu::groups_of(ref.cols) * int64_t{sizeof(float)};
  }
  return cpu::panels_of(ref.rows) *
         (cpu::panel_bytes(ref.cols) + cpu::kPanelRows * int64_t{sizeof(float)});
}

Weight Conversion::matrix() const {
  const WeightRef& ref = source.ref();
  return {memory, dtype, ref.rows, ref.cols, dtype == DType::i8 ? scales_of(*this) : nullptr};
}

Conversions::Conversions(cpu::ThreadPool& pool, const Int8Maker& maker,
                         std::function<void(int64_t bytes)> on_bytes)
    : pool_(pool),
      maker_(maker),
      on_bytes_(std::move(on_bytes)),
      scratch_(static_cast<size_t>(pool.num_threads())) {}

void Conversions::add(const Conversion& conversion) {
  const WeightRef& ref = conversion.source.ref();
  const int64_t cols = std::max<int64_t>(1, ref.cols);
  const int64_t rows =
      std::max<int64_t>(1, kTaskElements / cols / cpu::kPanelRows) * cpu::kPanelRows;
  // Here, where there is somebody to hear that memory is short.
  for (Scratch& scratch : scratch_) {
    scratch.floats.resize(std::max(
        scratch.floats.size(), static_cast<size_t>(cols + cpu::kPanelRows * cpu::groups_of(cols))));
    scratch.values.resize(
        std::max(scratch.values.size(), static_cast<size_t>(cpu::kPanelRows * cols)));
  }
  for (int64_t first = 0; first < ref.rows; first += rows) {
    const int64_t count = std::min(rows, ref.rows - first);
    tasks_.push_back({conversion, first, count});
    elements_ += count * cols;
    if (elements_ >= kBatchElements) finish();
  }
}

void Conversions::finish() {
  if (tasks_.empty()) return;
  pool_.parallel_for(static_cast<int64_t>(tasks_.size()), [&](int64_t task, int thread) {
    write(tasks_[static_cast<size_t>(task)], scratch_[static_cast<size_t>(thread)]);
  });
  int64_t bytes = 0;
  for (size_t begin = 0, end = 0; begin < tasks_.size(); begin = end) {
    const Task& first = tasks_[begin];
    while (end < tasks_.size() && tasks_[end].conversion.memory == first.conversion.memory) end++;
    const Task& last = tasks_[end - 1];
    first.conversion.source.release(first.first, last.first + last.count);
    const WeightRef& ref = first.conversion.source.ref();
    const int64_t all = converted_bytes(ref, first.conversion.dtype, first.conversion.form);
    bytes += all * (last.first + last.count) / ref.rows - all * first.first / ref.rows;
  }
  tasks_.clear();
  elements_ = 0;
  on_bytes_(bytes);
}

// One row as int8 with a scale for each group of the kernels: the stored numbers where they fit.
void Conversions::read_int8_row(int8_t* q, float* scales, float* x, const WeightSource& source,
                                int64_t row) const {
  const int64_t cols = source.ref().cols, num_groups = cpu::groups_of(cols);
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
  quant::quantise_groups(q, scales, x, cols, maker_.group > 0 ? maker_.group : cols, maker_.tries);
  if (maker_.group == 0) std::fill(scales, scales + num_groups, scales[0]);
}

void Conversions::write_panels(const Task& task, Scratch& scratch) const {
  const Conversion& c = task.conversion;
  const int64_t cols = c.source.ref().cols, groups = cpu::groups_of(cols);
  float *x = scratch.floats.data(), *scales = x + cols;
  for (int64_t first = task.first; first < task.first + task.count; first += cpu::kPanelRows) {
    const int64_t count = std::min(cpu::kPanelRows, task.first + task.count - first);
    for (int64_t r = 0; r < count; r++) {
      read_int8_row(scratch.values.data() + r * cols, scales + r * groups, x, c.source, first + r);
    }
    cpu::pack_panel(c.memory + first / cpu::kPanelRows * cpu::panel_bytes(cols),
                    scales_of(c) + first, {scratch.values.data(), scales, count, cols});
  }
}

void Conversions::write(const Task& task, Scratch& scratch) const {
  const Conversion& c = task.conversion;
  if (c.dtype == DType::i8 && c.form == Int8Form::panels) return write_panels(task, scratch);
  const int64_t cols = c.source.ref().cols, row_bytes = cols * dtype_bytes(c.dtype);
  float* x = scratch.floats.data();
  for (int64_t row = task.first; row < task.first + task.count; row++) {
    std::byte* target = c.memory + row * row_bytes;
    const std::byte* stored = c.dtype == c.source.dtype() ? c.source.stored_row(row) : nullptr;
    if (c.dtype == DType::i8) {
      read_int8_row(reinterpret_cast<int8_t*>(target), scales_of(c) + row * cpu::groups_of(cols), x,
                    c.source, row);
    } else if (stored != nullptr) {
      std::memcpy(target, stored, static_cast<size_t>(row_bytes));
    } else {
      c.source.read_row(x, row);
      store_row(target, c.dtype, x, cols);
    }
  }
}

}  // namespace conclave::executor

#include "executor/conversion.h"

#include <algorithm>
#include <cstring>

#include "cpu/panels.h"
#include "executor/store_row.h"

namespace conclave::executor {
namespace {

// Of what a thread takes at a time: new memory comes in large pages, which the system zeroes when
// they are first written, and two threads side by side in one would zero it both.
constexpr int64_t kRunElements = 2 << 20;
// Of all that is done between two looks at the threads: enough that they seldom wait for each
// other, little enough that a signal need not wait.
constexpr int64_t kBatchElements = 64 << 20;

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
      std::max<int64_t>(1, kRunElements / cols / cpu::kPanelRows) * cpu::kPanelRows;
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
    run_elements_ += count * cols;
    if (run_elements_ >= kRunElements) end_run();
    if (elements_ >= kBatchElements) finish();
  }
}

void Conversions::end_run() {
  if (run_elements_ == 0) return;
  runs_.push_back(tasks_.size());
  elements_ += run_elements_;
  run_elements_ = 0;
}

void Conversions::finish() {
  end_run();
  if (tasks_.empty()) return;
  pool_.parallel_for(static_cast<int64_t>(runs_.size()), [&](int64_t run, int thread) {
    const auto at = static_cast<size_t>(run);
    for (size_t i = at == 0 ? 0 : runs_[at - 1]; i < runs_[at]; i++) {
      const Task& task = tasks_[i];
      write(task, scratch_[static_cast<size_t>(thread)]);
      task.conversion.source.release(task.first, task.first + task.count);
    }
  });
  int64_t bytes = 0;
  for (const auto& [conversion, first, count] : tasks_) {
    const WeightRef& ref = conversion.source.ref();
    const int64_t all = converted_bytes(ref, conversion.dtype, conversion.form);
    bytes += all * (first + count) / ref.rows - all * first / ref.rows;
  }
  tasks_.clear();
  runs_.clear();
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

void Conversions::write_panel(const Task& task, Scratch& scratch, int64_t first) const {
  const Conversion& c = task.conversion;
  const int64_t cols = c.source.ref().cols, groups = cpu::groups_of(cols);
  const int64_t count = std::min(cpu::kPanelRows, task.first + task.count - first);
  std::byte* panel = c.memory + first / cpu::kPanelRows * cpu::panel_bytes(cols);
  float* row_scales = scales_of(c) + first;
  const std::byte* stored[cpu::kPanelRows] = {};
  for (int64_t r = 0; r < count; r++) stored[r] = c.source.q8_0_row(first + r);
  const bool blocks = stored[cpu::kPanelRows - 1] != nullptr;
  if (blocks && cpu::pack_q8_0_panel(panel, row_scales, stored, cols)) return;
  float *x = scratch.floats.data(), *scales = x + cols;
  for (int64_t r = 0; r < count; r++) {
    read_int8_row(scratch.values.data() + r * cols, scales + r * groups, x, c.source, first + r);
  }
  cpu::pack_panel(panel, row_scales, {scratch.values.data(), scales, count, cols});
}

void Conversions::write_panels(const Task& task, Scratch& scratch) const {
  for (int64_t first = task.first; first < task.first + task.count; first += cpu::kPanelRows) {
    write_panel(task, scratch, first);
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

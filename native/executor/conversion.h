#pragma once
// Weights that kernels cannot read as their file has them: row by row into memory of their own.
#include <functional>
#include <vector>

#include "cpu/thread_pool.h"
#include "executor/weight_source.h"
#include "quant/int8_groups.h"

namespace conclave::executor {

// What kernels of the host read of int8, and what those of other devices do: rows of values, and
// behind them, on a multiple of 64 bytes, the scales of all rows.
enum class Int8Form { panels, rows };

struct Conversion {
  WeightSource source;
  DType dtype;
  Int8Form form;      // of i8
  std::byte* memory;  // converted_bytes(…), zeroed

  Weight matrix() const;
};

int64_t converted_bytes(const WeightRef& ref, DType dtype, Int8Form form);
// Every weight begins on a cache line.
constexpr int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// How int8 is made of other formats.
struct Int8Maker {
  int64_t group;  // columns that share a scale; 0: the whole row
  quant::TryScales tries;
};

// Rows of many weights at once, by all threads. The pages of the files are given back as they have
// been read.
class Conversions {
 public:
  // `on_bytes` hears how many have been written since it was last called.
  Conversions(cpu::ThreadPool& pool, const Int8Maker& maker,
              std::function<void(int64_t bytes)> on_bytes);

  // Rows are written now or later, at the latest by finish().
  void add(const Conversion& conversion);
  void finish();

 private:
  struct Task {
    Conversion conversion;
    int64_t first, count;
  };
  // A thread's own memory.
  struct Scratch {
    std::vector<float> floats;
    std::vector<int8_t> values;
  };

  void end_run();
  void write(const Task& task, Scratch& scratch) const;
  void write_panels(const Task& task, Scratch& scratch) const;
  void write_panel(const Task& task, Scratch& scratch, int64_t first) const;
  void read_int8_row(int8_t* q, float* scales, float* x, const WeightSource& source,
                     int64_t row) const;

  cpu::ThreadPool& pool_;
  Int8Maker maker_;
  std::function<void(int64_t bytes)> on_bytes_;
  std::vector<Task> tasks_;
  std::vector<size_t> runs_;      // behind the last task of each
  std::vector<Scratch> scratch_;  // of each thread
  int64_t elements_ = 0;          // of tasks_
  int64_t run_elements_ = 0;      // of those behind the last run
};

}  // namespace conclave::executor

#pragma once
// Rows of a weight in a file's number format: what a converted checkpoint is made of.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "executor/graph.h"
#include "io/weight_store.h"

namespace conclave::executor {

struct RowsAsk {
  int64_t first, count;  // within the weight
  int64_t group;         // columns that share a scale: a divisor of the columns, of whole blocks
  DType format;          // f32, bf16, i8 or q8_0
};

struct StoredRows {
  std::vector<std::byte> data;  // (count, cols) as the format has them
  std::vector<float> scales;    // (count, cols / group); i8 only
};

// Widened from whatever the store holds, rounded as loading rounds them. `numerical_error` where a
// value is not finite, `invalid_file` as WeightSource has it. Pages of the file are given back with
// the last row.
StoredRows stored_rows(const WeightRef& ref, const RowsAsk& ask, const io::WeightStore& store);

}  // namespace conclave::executor

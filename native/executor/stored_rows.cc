#include "executor/stored_rows.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "cpu/kernels.h"
#include "executor/store_row.h"
#include "executor/weight_source.h"
#include "quant/int8_groups.h"

namespace conclave::executor {

StoredRows stored_rows(const WeightRef& ref, const RowsAsk& ask, const io::WeightStore& store) {
  const WeightSource source(ref, store);
  if (ask.first == 0) source.check_scales();  // all of them, once
  const DTypeBlock block = dtype_block(ask.format);
  const int64_t groups = ref.cols / ask.group;
  const int64_t row_bytes = groups * (ask.group / block.elements * block.bytes);
  const quant::TryScales tries = cpu::select_kernels().try_scales;
  StoredRows rows;
  rows.data.resize(static_cast<size_t>(ask.count * row_bytes));
  if (ask.format == DType::i8) rows.scales.resize(static_cast<size_t>(ask.count * groups));
  std::vector<float> x(static_cast<size_t>(ref.cols));
  for (int64_t row = 0; row < ask.count; row++) {
    std::byte* target = rows.data.data() + row * row_bytes;
    source.read_row(x.data(), ask.first + row);
    if (!std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); })) {
      throw Error("numerical_error", "Expected finite weights, but row " +
                                         std::to_string(ask.first + row) + " of \"" + ref.tensor +
                                         "\" holds NaN or infinity.");
    }
    if (ask.format == DType::i8) {
      quant::quantise_groups(reinterpret_cast<int8_t*>(target), rows.scales.data() + row * groups,
                             x.data(), ref.cols, ask.group, tries);
    } else {
      store_row(target, ask.format, x.data(), ref.cols);
    }
  }
  source.release(ask.first, ask.first + ask.count);
  store.check_unchanged();
  return rows;
}

}  // namespace conclave::executor

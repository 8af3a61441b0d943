#include "executor/decode_step.h"

#include <algorithm>
#include <bit>

namespace conclave::executor {

bool is_decode(const StepInput& input) {
  const size_t tokens = input.token_ids.size();
  if (input.kv_lengths.size() != tokens || input.logit_rows.size() != tokens || input.want_hidden)
    return false;
  for (size_t r = 0; r < tokens; r++) {
    if (input.logit_rows[r] != static_cast<int32_t>(r)) return false;
  }
  return true;
}

StepInput pad_decode(const StepInput& input, int64_t max_rows) {
  const size_t live = input.token_ids.size();
  const size_t rows = std::min(std::bit_ceil(live), static_cast<size_t>(max_rows));
  const auto pages = static_cast<size_t>(input.max_pages), pitch = std::bit_ceil(pages);
  StepInput padded = input;
  padded.max_pages = static_cast<int32_t>(pitch);
  for (auto* list : {&padded.token_ids, &padded.positions, &padded.kv_lengths, &padded.logit_rows})
    list->resize(rows, 0);
  for (size_t s = live; s < rows; s++) padded.query_starts.push_back(static_cast<int32_t>(s + 1));
  padded.page_tables.assign(rows * pitch, 0);
  for (size_t s = 0; s < live; s++) {
    const auto table = input.page_tables.begin() + static_cast<int64_t>(s * pages);
    std::copy(table, table + static_cast<int64_t>(pages),
              padded.page_tables.begin() + static_cast<int64_t>(s * pitch));
  }
  return padded;
}

}  // namespace conclave::executor

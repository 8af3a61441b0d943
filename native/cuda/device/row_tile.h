#pragma once
// How attention cuts the tokens of sequences into tiles of rows.
#include "cuda/device/batch.h"

namespace conclave::cuda {

// Rows of one sequence; row r is (token first_token + (first_row + r) / group, head of the group).
struct RowTile {
  int sequence, first_token, first_row, num_rows;
};

// Tile `index` of the batch, longest prefix first, of kRows rows at most; num_rows 0 where there is
// none. Sequences of one token have tiles with `all` alone.
template <int kRows>
__device__ __forceinline__ RowTile find_tile(const DeviceBatch& batch, int group, int index,
                                             bool all) {
  for (int s = 0; s < batch.num_sequences; s++) {
    const int first = batch.query_starts[s], tokens = batch.query_starts[s + 1] - first;
    if ((tokens == 1 && !all) || batch.kv_lengths[s] == 0) continue;
    const int rows = tokens * group, tiles = (rows + kRows - 1) / kRows;
    if (index < tiles) {
      const int row = (tiles - 1 - index) * kRows;
      return {s, first, row, min(kRows, rows - row)};
    }
    index -= tiles;
  }
  return {0, 0, 0, 0};
}

// Whether attention takes the sequence as one of a single token.
__device__ __forceinline__ bool is_single(const DeviceBatch& batch, int sequence) {
  return batch.kv_lengths[sequence] > 0 &&
         batch.query_starts[sequence + 1] - batch.query_starts[sequence] == 1;
}

}  // namespace conclave::cuda

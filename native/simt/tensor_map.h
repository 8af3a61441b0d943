#pragma once
// What the harness keeps in the 128 bytes of a tensor map.
#include <cstdint>

#include "cuda/tensor_map.h"

namespace conclave::simt {

struct MatrixMap {
  const char* data;
  int64_t rows, cols;
  int value_bytes, box_rows, box_row_bytes;
  uint64_t magic;
};

// Null where these bytes are no map.
const MatrixMap* matrix_map(const cuda::TensorMap& map);

}  // namespace conclave::simt

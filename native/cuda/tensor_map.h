#pragma once
// What TMA needs to know of a matrix that it copies boxes of: made on the host, handed to a kernel
// by value as CONCLAVE_MAP_PARAMETER, or kept in a table on the card. Opaque: the
// driver's on a card (tensor_map_cuda.cc), the harness's own on the host (simt/tensor_map.cc).
#include <cstdint>

namespace conclave::cuda {

struct alignas(128) TensorMap {
  uint64_t words[16];
};

// A row of a box is one atom of the swizzle, of 128 or 32 bytes: matrices of wgmma lie so in shared
// memory.
constexpr int kBoxRowBytes = 128, kNarrowBoxRowBytes = 32;

// data: (rows, cols) values of `value_bytes` (1 or 2), row-major, on 16 bytes; a row's bytes are a
// multiple of 16. A box is `box_rows` (at most 256) rows of box_row_bytes; what lies outside of the
// matrix arrives as zeros. The 16-byte pieces of row r of a box trade places: piece i lies at
// i ^ (r % 8), in rows of 32 bytes at i ^ (r / 4 % 2). Throws engine_failed where the driver
// refuses.
TensorMap make_tensor_map(const void* data, int value_bytes, int64_t rows, int64_t cols,
                          int box_rows, int box_row_bytes = kBoxRowBytes);

}  // namespace conclave::cuda

#pragma once
// What matmul and moe_experts share: activations in the form that a kernel takes, and dot products
// of many tokens with a block of weight rows.
#include "core/tensor.h"
#include "cpu/stream.h"
#include "cpu/weight_format.h"

namespace conclave::cpu {

// Bytes of one token's activations up to `column`, which begins a group where they come in groups.
constexpr int64_t activation_offset(const MatmulKernel& kernel, int64_t column) {
  switch (kernel.activations) {
    case Activations::bf16: return column * 2;
    case Activations::int16: return column / kGroupCols * kGroupBytes;
    default: return column * 4;
  }
}

// Bytes from one token's activations to the next: rows that are converted start on cache lines.
constexpr int64_t activation_stride(const MatmulKernel& kernel, int64_t width) {
  if (kernel.activations == Activations::f32) return width * 4;
  return (activation_offset(kernel, blocks_of(width) * kBlockCols) + 63) / 64 * 64;
}

// Of all tokens; 0 where the kernel takes them as they are.
inline int64_t converted_bytes(const MatmulKernel& kernel, int64_t num_tokens, int64_t width) {
  return kernel.convert ? num_tokens * activation_stride(kernel, width) : 0;
}

// Bytes of sixteen tokens' activations.
constexpr int64_t tile_bytes(const MatmulKernel& kernel, int64_t width) {
  return blocks_of(width) * (kBlockCols / kGroupCols) * kernel.tiles.group_bytes;
}

// Bytes of the tiles of so many tokens; 0 where the kernel takes them as rows.
constexpr int64_t tiles_bytes(const MatmulKernel& kernel, int64_t num_tokens, int64_t width) {
  const TokenTiles& tiles = kernel.tiles;
  if (tiles.min_tokens == 0 || num_tokens < tiles.min_tokens) return 0;
  return (num_tokens + kTileTokens - 1) / kTileTokens * tile_bytes(kernel, width);
}

// Fills rows[t] with the address of token t's activations as `kernel` takes them, and `tiles` where
// it is not null; `converted` has converted_bytes(…) bytes.
void point_at_activations(const void** rows, void* converted, std::byte* tiles, const float* x,
                          int64_t num_tokens, int64_t width, const MatmulKernel& kernel,
                          CpuStream& stream);

void pack_tiles(std::byte* tiles, const void* const* rows, int64_t num_tokens, int64_t width,
                const MatmulKernel& kernel);

struct Tokens {
  const void* const* rows;
  const std::byte* tiles;  // null: the kernel takes the rows
  int64_t count;
};

// y[m][y_offset + n] for all tokens and rows [first_row, first_row + num_rows) of w. Tokens are
// taken in pieces whose activations stay in the second-level cache while the rows stream by.
void dot_block(float* const* y, int64_t y_offset, const Tokens& x, const Weight& w,
               int64_t first_row, int64_t num_rows, const void* next_w, const MatmulKernel& kernel);

// Rows a task should take: about `target_bytes` of weights, at least `min_tasks` tasks, a multiple
// of 16.
int64_t rows_per_task(const Weight& w, int64_t target_bytes, int64_t min_tasks);

// A rough price on one thread, for the choice between the pool and the caller alone.
inline int64_t dot_cost_ns(const Weight& w, int64_t num_x) {
  return w.rows * weight_row_bytes(w) / 20 + w.rows * w.cols * num_x / 40;
}

}  // namespace conclave::cpu

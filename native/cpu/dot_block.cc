#include "cpu/dot_block.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace conclave::cpu {

namespace {
constexpr int64_t kActivationBytes =
    256 << 10;  // of one piece of tokens; half of a small second-level cache
}

void point_at_activations(const void** rows, void* converted, std::byte* tiles, const float* x,
                          int64_t num_tokens, int64_t width, const MatmulKernel& kernel,
                          CpuStream& stream) {
  const int64_t stride = activation_stride(kernel, width);
  std::byte* base = static_cast<std::byte*>(converted);
  for (int64_t t = 0; t < num_tokens; t++) {
    rows[t] = kernel.convert ? static_cast<const void*>(base + t * stride) : x + t * width;
  }
  if (!kernel.convert) return;
  const int64_t grain = tiles ? kTileTokens : 1 + 8192 / width;
  for_each_range(stream.pool, num_tokens, grain, num_tokens * width / 8,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t t = begin; t < end; t++) {
                     kernel.convert(base + t * stride, x + t * width, width);
                   }
                   if (!tiles) return;
                   pack_tiles(tiles + begin / kTileTokens * tile_bytes(kernel, width), rows + begin,
                              end - begin, width, kernel);
                 });
}

void pack_tiles(std::byte* tiles, const void* const* rows, int64_t num_tokens, int64_t width,
                const MatmulKernel& kernel) {
  for (int64_t t = 0; t < num_tokens; t += kTileTokens, tiles += tile_bytes(kernel, width)) {
    kernel.tiles.pack(tiles, rows + t, std::min(kTileTokens, num_tokens - t), width);
  }
}

void dot_block(float* const* y, int64_t y_offset, const Tokens& x, const Weight& w,
               int64_t first_row, int64_t num_rows, const void* next_w,
               const MatmulKernel& kernel) {
  const int64_t token_bytes = std::max<int64_t>(activation_stride(kernel, w.cols), 1);
  const int64_t piece =
      std::max(kActivationBytes / token_bytes / kTileTokens, int64_t{1}) * kTileTokens;
  for (int64_t t = 0; t < x.count; t += piece) {
    kernel.dot_rows({y + t, x.rows + t,
                     x.tiles ? x.tiles + t / kTileTokens * tile_bytes(kernel, w.cols) : nullptr,
                     weight_row(w, first_row), weight_scales(w, first_row), next_w, y_offset,
                     std::min(piece, x.count - t), num_rows, w.cols});
  }
}

int64_t rows_per_task(const Weight& w, int64_t target_bytes, int64_t min_tasks) {
  const int64_t row_bytes = std::max<int64_t>(weight_row_bytes(w), 1);
  const int64_t by_bytes = target_bytes / row_bytes;
  const int64_t by_tasks = (w.rows + min_tasks - 1) / min_tasks;
  return std::max<int64_t>((std::min(by_bytes, by_tasks) + 15) / 16 * 16, 16);
}

}  // namespace conclave::cpu

#pragma once
// A block's tile of a product: 128 rows of weights × 64 tokens, k step by step through a ring of
// shared memory that cp.async fills. Eight warps, four over rows and two over tokens; each has
// 2 × 4 fragments. Orders of sums: device/fragments.h.
#include "cuda/device/fragments.h"

namespace conclave::cuda {

template <class W>
struct Tile {
  static constexpr int kRows = 128, kTokens = 64, kThreads = 256, kStages = 3;
  static constexpr int kRowFragments = 2, kTokenFragments = 4;  // of a warp
  static constexpr int kRowBytes = kStep * static_cast<int>(sizeof(typename W::Stored));
  static constexpr int kTokenBytes = kStep * 2;
  static constexpr int kWeightBytes = kRows * kRowBytes;
  static constexpr int kStageBytes = kWeightBytes + kTokens * kTokenBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
  static constexpr int kWeightCopies = kWeightBytes / 16 / kThreads;
  static constexpr int kTokenCopies = kTokens * kTokenBytes / 16 / kThreads;
  using Sums = float[kRowFragments][kTokenFragments][4];
};

// Byte of the 16-byte piece `piece` of a row of 128 bytes: neighbouring rows trade places, so that
// eight lanes that read two rows touch all banks.
__device__ __forceinline__ int piece_at(int row, int piece, int row_bytes) {
  const int moved = row_bytes == 128 && row % 2 == 1 ? piece ^ 5 : piece;
  return row * row_bytes + moved * 16;
}

// What a thread copies in each step: where from, null for zeros, and where to.
template <class W>
struct TileCopies {
  const typename W::Stored* weights[Tile<W>::kWeightCopies];
  const uint16_t* tokens[Tile<W>::kTokenCopies];
};

// weight_row(r) and token_row(r) point at row r of the tile, null where there is none; row 0 of
// both is there.
template <class W, class WeightRow, class TokenRow>
__device__ __forceinline__ void plan_copies(TileCopies<W>& copies, WeightRow weight_row,
                                            TokenRow token_row) {
  using T = Tile<W>;
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = 0; i < T::kWeightCopies; i++)
    copies.weights[i] = weight_row((thread + i * T::kThreads) / (T::kRowBytes / 16));
  for (int i = 0; i < T::kTokenCopies; i++)
    copies.tokens[i] = token_row((thread + i * T::kThreads) / (T::kTokenBytes / 16));
}

template <class W>
__device__ __forceinline__ void copy_step(char* stage, const TileCopies<W>& copies, const void* any,
                                          int k0, int k) {
  using T = Tile<W>;
  constexpr int kPieceWeights = 16 / static_cast<int>(sizeof(typename W::Stored));
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = 0; i < T::kWeightCopies; i++) {
    const int at = thread + i * T::kThreads, row = at / (T::kRowBytes / 16);
    const int piece = at % (T::kRowBytes / 16), first = k0 + piece * kPieceWeights;
    const bool there = copies.weights[i] != nullptr && first < k;
    hw::cp_async16(stage + piece_at(row, piece, T::kRowBytes),
                   there ? copies.weights[i] + first : any, there ? 16 : 0);
  }
  for (int i = 0; i < T::kTokenCopies; i++) {
    const int at = thread + i * T::kThreads, row = at / (T::kTokenBytes / 16);
    const int piece = at % (T::kTokenBytes / 16), first = k0 + piece * 8;
    const bool there = copies.tokens[i] != nullptr && first < k;
    hw::cp_async16(stage + T::kWeightBytes + piece_at(row, piece, T::kTokenBytes),
                   there ? copies.tokens[i] + first : any, there ? 16 : 0);
  }
}

// This lane's rows of each of the warp's row fragments, for their scales; int8 alone.
template <class W>
struct TileScales {
  const float* rows[Tile<W>::kRowFragments][2];
};

// scales(r) points at the scales of row r of the tile, of any row where there is none.
template <class W, class Scales>
__device__ __forceinline__ void plan_scales(TileScales<W>& plan, Scales scales) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (int m = 0; m < Tile<W>::kRowFragments; m++) {
    for (int r = 0; r < 2; r++)
      plan.rows[m][r] = scales(warp % 4 * 32 + m * kFragmentRows + lane / 4 + 8 * r);
  }
}

__device__ __forceinline__ void load_stage(WeightStep<Bf16>& step, const char* stage, int row,
                                           int t, const float* const (&)[2], int, int) {
  for (int h = 0; h < 2; h++) {
    step.low[h] = hw::load16(stage + piece_at(row, t + 4 * h, Tile<Bf16>::kRowBytes));
    step.high[h] = hw::load16(stage + piece_at(row + 8, t + 4 * h, Tile<Bf16>::kRowBytes));
  }
}

__device__ __forceinline__ void load_stage(WeightStep<Int8>& step, const char* stage, int row,
                                           int t, const float* const (&scales)[2], int k0, int k) {
  for (int h = 0; h < 2; h++) {
    const char* low = stage + row * Tile<Int8>::kRowBytes + lane_columns(h, t);
    step.low[h] = hw::load8(low);
    step.high[h] = hw::load8(low + 8 * Tile<Int8>::kRowBytes);
  }
  load_scales(step, {nullptr, nullptr, scales[0], scales[1]}, k0, k);
}

template <class W>
__device__ __forceinline__ void multiply_stage(typename Tile<W>::Sums& sums, const char* stage,
                                               const TileScales<W>& scales, int k0, int k) {
  using T = Tile<W>;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int g = lane / 4, t = lane % 4;
  uint32_t a[T::kRowFragments][4][4];
  WeightStep<W> steps[T::kRowFragments];
  for (int m = 0; m < T::kRowFragments; m++) {
    load_stage(steps[m], stage, warp % 4 * 32 + m * kFragmentRows + g, t, scales.rows[m], k0, k);
    weight_registers(a[m], steps[m]);
  }
  for (int n = 0; n < T::kTokenFragments; n++) {
    const int row = warp / 4 * 32 + n * kFragmentColumns + g;
    const char* tokens = stage + T::kWeightBytes;
    uint32_t b[4][2];
    activation_registers(
        b, hw::load16(tokens + piece_at(row, lane_columns(0, t) / 8, T::kTokenBytes)),
        hw::load16(tokens + piece_at(row, lane_columns(1, t) / 8, T::kTokenBytes)));
    for (int m = 0; m < T::kRowFragments; m++) multiply_step(sums[m][n], a[m], b, steps[m]);
  }
}

template <class W>
__device__ __forceinline__ void add_chunk(typename Tile<W>::Sums& total,
                                          typename Tile<W>::Sums& sums) {
  for (int m = 0; m < Tile<W>::kRowFragments; m++) {
    for (int n = 0; n < Tile<W>::kTokenFragments; n++) {
      for (int i = 0; i < 4; i++) {
        total[m][n][i] += sums[m][n][i];
        sums[m][n][i] = 0;
      }
    }
  }
}

// total = the tile's products over all of k; `any` is a readable address on 16 bytes.
template <class W>
__device__ __forceinline__ void multiply_tile(typename Tile<W>::Sums& total,
                                              const TileCopies<W>& copies,
                                              const TileScales<W>& scales, const void* any, int k) {
  using T = Tile<W>;
  char* ring = hw::shared<char>();
  const int num_steps = (k + kStep - 1) / kStep, chunk_steps = chunk_length(k) / kStep;
  typename T::Sums sums = {};
  for (int step = 0; step < T::kStages - 1; step++) {
    if (step < num_steps) copy_step<W>(ring + step * T::kStageBytes, copies, any, step * kStep, k);
    hw::cp_async_commit();
  }
  for (int step = 0; step < num_steps; step++) {
    hw::cp_async_wait<T::kStages - 2>();
    hw::sync_block();  // this stage is here for all, and the one before it has been read by all
    const int next = step + T::kStages - 1;
    if (next < num_steps)
      copy_step<W>(ring + next % T::kStages * T::kStageBytes, copies, any, next * kStep, k);
    hw::cp_async_commit();
    multiply_stage<W>(sums, ring + step % T::kStages * T::kStageBytes, scales, step * kStep, k);
    if ((step + 1) % chunk_steps == 0 || step + 1 == num_steps) add_chunk<W>(total, sums);
  }
}

// Calls use(row in the tile, token in the tile, m, n, i) for each of this lane's sums.
template <class W, class Use>
__device__ __forceinline__ void for_each_sum(Use use) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int m = 0; m < Tile<W>::kRowFragments; m++) {
#pragma unroll
    for (int n = 0; n < Tile<W>::kTokenFragments; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        use(warp % 4 * 32 + m * kFragmentRows + sum_row(i, lane),
            warp / 4 * 32 + n * kFragmentColumns + sum_column(i, lane), m, n, i);
      }
    }
  }
}

}  // namespace conclave::cuda

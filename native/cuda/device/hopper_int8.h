#pragma once
// int8 weights on Hopper: a tile of 128 rows × 64 tokens of device/hopper_tile.h. Weights lie in
// shared memory as bytes and are widened, exactly, into the registers of wgmma's first operand; 32
// columns share a scale, so their two products start from zero and the scale joins them to the sums
// while the next two run.
#include "cuda/device/fragments.h"
#include "cuda/device/hopper_tile.h"

namespace conclave::cuda {

constexpr int kInt8Rows = 128, kInt8Tokens = 64, kInt8Stages = 4;
// A stage is 128 bytes of each row of weights: 128 values of k, and as many of each token in two
// parts of kHopperStep.
constexpr int kInt8Depth = 128, kInt8Parts = kInt8Depth / kHopperStep;
using Int8Ring = Ring<kInt8Rows, kInt8Parts * kInt8Tokens, kInt8Stages>;
static_assert(Int8Ring::kRowBytes == kInt8Depth);
using Int8Sums = float[kInt8Tokens / 2];

// Where value i of a row of activations is kept. A lane reads four bytes of weights, 4t … of each
// 16; as pairs (0, 2) and (1, 3) they are its columns 2t, 2t + 1 and 2t + 8, 2t + 9 of wgmma.
__device__ __forceinline__ int hopper_int8_index(int i) {
  return (i & ~15) + (i % 4 % 2) * 8 + i % 16 / 4 * 2 + i % 4 / 2;
}

// The scales of a lane's rows: `row` and row + 8 of a matrix of num_rows × k, or its last.
struct LaneScales {
  const float *low, *high;
};
__device__ __forceinline__ LaneScales lane_scales(const float* scales, int row, int num_rows,
                                                  int k) {
  const int per_row = scales_of_row(k);
  return {scales + int64_t{min(row, num_rows - 1)} * per_row,
          scales + int64_t{min(row + 8, num_rows - 1)} * per_row};
}

// Columns 16·i … of this lane's two rows, as the registers of wgmma.
__device__ __forceinline__ void widen_rows(uint32_t (&a)[4], const char* weights, int row, int i,
                                           int t) {
  const char* low = weights + row * Int8Ring::kRowBytes + (i ^ (row % 8)) * 16 + 4 * t;
  widen_int8(a[0], a[2], *reinterpret_cast<const uint32_t*>(low));
  widen_int8(a[1], a[3], *reinterpret_cast<const uint32_t*>(low + 8 * Int8Ring::kRowBytes));
}

__device__ __forceinline__ void add_group(Int8Sums& sums, const Int8Sums& group,
                                          const float (&scales)[2]) {
#pragma unroll
  for (int i = 0; i < kInt8Tokens / 2; i++) sums[i] = fmaf(group[i], scales[i % 4 / 2], sums[i]);
}

// Asks for the products of columns 32·j … of the stage's 128.
__device__ __forceinline__ void ask_group(Int8Sums& group, uint32_t (&a)[2][4], const char* weights,
                                          uint64_t tokens, int row, int t, int j) {
  widen_rows(a[0], weights, row, 2 * j, t);
  widen_rows(a[1], weights, row, 2 * j + 1, t);
  const uint64_t b = hw::descriptor_step(
      tokens, j / 2 * kInt8Tokens * Int8Ring::kRowBytes + j % 2 * kScaleColumns * 2);
  hw::settle(a[0]);
  hw::settle(a[1]);
  hw::wgmma_fence();
  hw::wgmma<kInt8Tokens, true>(group, a[0], b);
  hw::wgmma<kInt8Tokens>(group, a[1], hw::descriptor_step(b, 32));
  hw::wgmma_commit();
}

// By both consuming warpgroups: rows warp · 16 … of the tile over all of k; sums is zero before.
__device__ __forceinline__ void consume_int8(Int8Sums& sums, const LaneScales& rows, int k) {
  constexpr int kGroups = kInt8Depth / kScaleColumns;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int row = warp * 16 + lane / 4, t = lane % 4;
  const int num_steps = (k + kInt8Depth - 1) / kInt8Depth;
  RingPlace<kInt8Stages> place;
  for (int step = 0; step < num_steps; step++) {
    float scales[kGroups][2];
#pragma unroll
    for (int j = 0; j < kGroups; j++) {
      const int group = step * kGroups + j;
      const bool there = group * kScaleColumns < k;
      scales[j][0] = there ? rows.low[group] : 0.0f;
      scales[j][1] = there ? rows.high[group] : 0.0f;
    }
    hw::mbarrier_wait(Int8Ring::full(place.stage), place.parity);
    const char* weights = Int8Ring::weights(place.stage);
    const uint64_t tokens = hw::matrix_descriptor(Int8Ring::tokens(place.stage));
    Int8Sums group[2];
    uint32_t a[2][2][4];
    ask_group(group[0], a[0], weights, tokens, row, t, 0);
#pragma unroll
    for (int j = 1; j < kGroups; j++) {
      ask_group(group[j % 2], a[j % 2], weights, tokens, row, t, j);
      hw::wgmma_wait<1>();
      hw::settle(group[1 - j % 2]);
      add_group(sums, group[1 - j % 2], scales[j - 1]);
    }
    hw::wgmma_wait<0>();
    hw::settle(group[1]);
    if (lane == 0) hw::mbarrier_arrive(Int8Ring::empty(place.stage));
    add_group(sums, group[1], scales[kGroups - 1]);
    place.next();
  }
}

}  // namespace conclave::cuda

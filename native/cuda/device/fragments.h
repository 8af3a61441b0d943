#pragma once
// Weights times rounded activations in matrix instructions: the 16 rows of a fragment are rows of
// the weight matrix, its 8 columns are tokens. A step is 64 values of k.
//
// A lane reads 16 bytes of a row at once. Which k its registers then stand for is not what PTX
// draws, but it is the same for weights and activations, and a sum over k does not mind:
//   bf16   16 bytes of k0 + 32h + 8t …: two instructions for each half h of the step
//   int8   8 bytes of the same, widened to pairs (0, 2), (1, 3) of each four: a half is what shares
//          a scale, so its two instructions start from zero and the scale joins them to the sums
// Rounded activations are kept in memory with each four in the order 0, 2, 1, 3 where weights are
// int8 (activation_index), so that they are read as they are multiplied.
//
// One order of sums, whatever the number of tokens: k is cut into kChunks pieces by its length
// alone; a piece is summed step by step, the pieces then in order. A kernel of few tokens gives
// each warp a piece, a kernel of many takes them one after another: the bits are the same.
#include "cuda/device/number_format.h"

namespace conclave::cuda {

constexpr int kStep = 64, kChunks = 8;
constexpr int kFragmentRows = 16, kFragmentColumns = 8;
// k must be a multiple of this: then a lane's 16 bytes lie within a row or behind it.
constexpr int kFragmentAlign = 16;

__device__ __forceinline__ int chunk_length(int k) {
  return (k + kStep * kChunks - 1) / (kStep * kChunks) * kStep;
}

template <class W>
constexpr bool kFourBytes = sizeof(typename W::Stored) == 1;

// Where value i of a row of activations is kept.
template <class W>
__device__ __forceinline__ int activation_index(int i) {
  return kFourBytes<W> ? (i & ~3) | ((i & 1) << 1) | ((i >> 1) & 1) : i;
}

// First of the eight columns that lane t takes in half h (0, 1) of a step, of weights and of
// activations.
__device__ __forceinline__ int lane_columns(int h, int t) { return 32 * h + 8 * t; }

// The rounded row `x`, eight values at once.
template <class W>
__device__ __forceinline__ uint4 round_eight(const float* x) {
  const uint4 lo = hw::load16(x), hi = hw::load16(x + 4);
  if (kFourBytes<W>)
    return {hw::pack_bf16(hw::float_of(lo.x), hw::float_of(lo.z)),
            hw::pack_bf16(hw::float_of(lo.y), hw::float_of(lo.w)),
            hw::pack_bf16(hw::float_of(hi.x), hw::float_of(hi.z)),
            hw::pack_bf16(hw::float_of(hi.y), hw::float_of(hi.w))};
  return {hw::pack_bf16(hw::float_of(lo.x), hw::float_of(lo.y)),
          hw::pack_bf16(hw::float_of(lo.z), hw::float_of(lo.w)),
          hw::pack_bf16(hw::float_of(hi.x), hw::float_of(hi.y)),
          hw::pack_bf16(hw::float_of(hi.z), hw::float_of(hi.w))};
}

// A lane's part of 16 rows × one step: rows g and g + 8, half by half. int8 has their scales.
template <class W>
struct WeightStep {
  uint4 low[2], high[2];
};
template <>
struct WeightStep<Int8> {
  uint2 low[2], high[2];
  float low_scales[2], high_scales[2];
};

// Where a lane reads its two rows; the scales are of int8 alone.
template <class W>
struct WeightRows {
  const typename W::Stored *low, *high;
  const float *low_scales, *high_scales;
};

// Rows `low` and `high` of a matrix of `k` columns.
template <class W>
__device__ __forceinline__ WeightRows<W> weight_rows(const void* matrix, const float* scales,
                                                     int low, int high, int k) {
  const auto* w = static_cast<const typename W::Stored*>(matrix);
  const int64_t per_row = scales_of_row(k);
  return {w + int64_t{low} * k, w + int64_t{high} * k, scales + low * per_row,
          scales + high * per_row};
}

__device__ __forceinline__ void load_weights(WeightStep<Bf16>& step, const WeightRows<Bf16>& rows,
                                             int k0, int k, int t) {
  for (int h = 0; h < 2; h++) {
    const int at = k0 + lane_columns(h, t);
    step.low[h] = at < k ? hw::load16_stream(rows.low + at) : uint4{};
    step.high[h] = at < k ? hw::load16_stream(rows.high + at) : uint4{};
  }
}

__device__ __forceinline__ void load_scales(WeightStep<Int8>& step, const WeightRows<Int8>& rows,
                                            int k0, int k) {
  for (int h = 0; h < 2; h++) {
    const int group = (k0 + 32 * h) / kScaleColumns;
    const bool there = group * kScaleColumns < k;
    step.low_scales[h] = there ? rows.low_scales[group] : 0.0f;
    step.high_scales[h] = there ? rows.high_scales[group] : 0.0f;
  }
}

__device__ __forceinline__ void load_weights(WeightStep<Int8>& step, const WeightRows<Int8>& rows,
                                             int k0, int k, int t) {
  for (int h = 0; h < 2; h++) {
    const int at = k0 + lane_columns(h, t);
    step.low[h] = at < k ? hw::load8_stream(rows.low + at) : uint2{};
    step.high[h] = at < k ? hw::load8_stream(rows.high + at) : uint2{};
  }
  load_scales(step, rows, k0, k);
}

// The four instructions' A registers of a step.
__device__ __forceinline__ void weight_registers(uint32_t (&a)[4][4],
                                                 const WeightStep<Bf16>& step) {
  for (int h = 0; h < 2; h++) {
    const uint4 low = step.low[h], high = step.high[h];
    a[2 * h][0] = low.x, a[2 * h][1] = high.x, a[2 * h][2] = low.y, a[2 * h][3] = high.y;
    a[2 * h + 1][0] = low.z, a[2 * h + 1][1] = high.z;
    a[2 * h + 1][2] = low.w, a[2 * h + 1][3] = high.w;
  }
}

__device__ __forceinline__ void weight_registers(uint32_t (&a)[4][4],
                                                 const WeightStep<Int8>& step) {
  for (int h = 0; h < 2; h++) {
    widen_int8(a[2 * h][0], a[2 * h][2], step.low[h].x);
    widen_int8(a[2 * h][1], a[2 * h][3], step.high[h].x);
    widen_int8(a[2 * h + 1][0], a[2 * h + 1][2], step.low[h].y);
    widen_int8(a[2 * h + 1][1], a[2 * h + 1][3], step.high[h].y);
  }
}

// Their B registers: two loads of eight activations of token g.
__device__ __forceinline__ void activation_registers(uint32_t (&b)[4][2], uint4 first,
                                                     uint4 second) {
  b[0][0] = first.x, b[0][1] = first.y, b[1][0] = first.z, b[1][1] = first.w;
  b[2][0] = second.x, b[2][1] = second.y, b[3][0] = second.z, b[3][1] = second.w;
}

__device__ __forceinline__ void multiply_step(float (&sums)[4], const uint32_t (&a)[4][4],
                                              const uint32_t (&b)[4][2], const WeightStep<Bf16>&) {
  for (int i = 0; i < 4; i++) hw::mma_bf16(sums, a[i], b[i]);
}

__device__ __forceinline__ void multiply_step(float (&sums)[4], const uint32_t (&a)[4][4],
                                              const uint32_t (&b)[4][2],
                                              const WeightStep<Int8>& step) {
  for (int h = 0; h < 2; h++) {
    float group[4] = {};
    hw::mma_bf16(group, a[2 * h], b[2 * h]);
    hw::mma_bf16(group, a[2 * h + 1], b[2 * h + 1]);
    for (int i = 0; i < 4; i++)
      sums[i] = fmaf(group[i], i < 2 ? step.low_scales[h] : step.high_scales[h], sums[i]);
  }
}

// Row and column of sums[i] in the 16 × 8 fragment.
__device__ __forceinline__ int sum_row(int i, int lane) { return lane / 4 + 8 * (i / 2); }
__device__ __forceinline__ int sum_column(int i, int lane) { return lane % 4 * 2 + i % 2; }

}  // namespace conclave::cuda

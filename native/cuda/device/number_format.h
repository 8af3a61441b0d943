#pragma once
// Number formats of weights, pages and rounded activations, as kernels read single values of them.
#include "cuda/device/hw.h"

namespace conclave::cuda {

// int8 weights have an f32 scale for so many columns of a row: (rows, ceil(cols / 32)), apart from
// the values.
constexpr int kScaleColumns = 32;

__device__ __forceinline__ int scales_of_row(int cols) {
  return (cols + kScaleColumns - 1) / kScaleColumns;
}

struct F32 {
  using Stored = float;
  static constexpr bool kRounds = false;  // activations are rounded to bf16 before a product
  __device__ __forceinline__ static float load(const Stored* p) { return *p; }
};

struct F16 {
  using Stored = uint16_t;
  static constexpr bool kRounds = false;
  __device__ __forceinline__ static float load(const Stored* p) { return hw::from_f16(*p); }
};

struct Bf16 {
  using Stored = uint16_t;
  static constexpr bool kRounds = true;
  __device__ __forceinline__ static float load(const Stored* p) { return hw::bf16_lo(*p); }
};

struct Int8 {
  using Stored = int8_t;
  static constexpr bool kRounds = true;
  __device__ __forceinline__ static float load(const Stored* p) { return static_cast<float>(*p); }
};

__device__ __forceinline__ float round_bf16(float x) { return hw::bf16_lo(hw::to_bf16(x)); }

template <class W>
__device__ __forceinline__ float activation(float x) {
  return W::kRounds ? round_bf16(x) : x;
}

// Four signed bytes → bf16, exactly: `even` takes bytes 0 and 2, `odd` bytes 1 and 3. A byte's low
// seven bits under the exponent of 128 are 128 + low7; less 128, or 256 where the sign bit is set.
__device__ __forceinline__ void widen_int8(uint32_t& even, uint32_t& odd, uint32_t bytes) {
  const uint32_t next = bytes >> 8;
  even = hw::sub_bf16x2((bytes & 0x007f007fu) | 0x43004300u, (bytes & 0x00800080u) + 0x43004300u);
  odd = hw::sub_bf16x2((next & 0x007f007fu) | 0x43004300u, (next & 0x00800080u) + 0x43004300u);
}

}  // namespace conclave::cuda

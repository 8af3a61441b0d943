#pragma once
// One key or value of a token into its page, by a warp. int8 turns the key (device/hadamard.h) and
// takes its scale from the row's largest value, as quant/quantise_row.h does.
#include "cuda/device/batch.h"
#include "cuda/device/hadamard.h"
#include "cuda/device/kv_layout.h"
#include "cuda/device/reduce.h"

namespace conclave::cuda {

__device__ __forceinline__ void encode(float* to, float x, float) { *to = x; }
__device__ __forceinline__ void encode(uint16_t* to, float x, float) { *to = hw::to_bf16(x); }
__device__ __forceinline__ void encode(int8_t* to, float x, float inverse) {
  *to = static_cast<int8_t>(fminf(fmaxf(rintf(x * inverse), -127.0f), 127.0f));
}

// 127 / max |x|, and the scale; (0, 0) for a row of zeros, (0, NaN) where a value is not finite.
__device__ __forceinline__ float row_scale(float* scale, const float* x, int n, int lane) {
  float max = 0;
  bool finite = true;
  for (int d = lane; d < n; d += 32) {
    max = fmaxf(max, fabsf(x[d]));
    finite = finite && fabsf(x[d]) < INFINITY;
  }
  max = warp_max(max);
  finite = hw::ballot(!finite) == 0;
  const float inverse = 127.0f / max;
  const bool usable = finite && inverse < INFINITY;
  *scale = usable ? max / 127.0f : finite ? 0.0f : NAN;
  return usable ? inverse : 0.0f;
}

// Where a token's keys and values go; a token that is padding has no place.
struct KvPlace {
  int64_t page;
  int offset;
  bool is_there;
};

__device__ __forceinline__ KvPlace place_of(const KvPages& pages, const DeviceBatch& batch, int t) {
  const int s = sequence_of(batch, t);
  if (batch.kv_lengths[s] == 0) return {0, 0, false};
  const int p = batch.positions[t];
  return {batch.page_tables[int64_t{s} * batch.max_pages + p / pages.page_size],
          p % pages.page_size, true};
}

// x (head_dim) may be in shared memory that other lanes of the warp wrote before a meeting; for
// int8 it must be, and is turned where it lies.
template <class T>
__device__ __forceinline__ void store_key(const KvPages& pages, const KvPlace& place, int head,
                                          float* x, int lane) {
  const int dim = pages.head_dim;
  T* key = key_row<T>(pages, place.page, head, place.offset);
  float inverse = 0;
  if constexpr (sizeof(T) == 1) {
    float scale;
    hadamard(x, dim, lane);
    inverse = row_scale(&scale, x, dim, lane);
    if (lane == 0) key_scales(pages, place.page, head)[place.offset] = scale;
  }
  for (int d = lane; d < dim; d += 32)
    encode(key + d, sizeof(T) == 1 && inverse == 0 ? 0.0f : x[d], inverse);
}

template <class T>
__device__ __forceinline__ void store_value(const KvPages& pages, const KvPlace& place, int head,
                                            const float* x, int lane) {
  const int dim = pages.head_dim;
  T* values = value_group<T>(pages, place.page, head, place.offset);
  float inverse = 0;
  if constexpr (sizeof(T) == 1) {
    float scale;
    inverse = row_scale(&scale, x, dim, lane);
    if (lane == 0) key_scales(pages, place.page, head)[pages.page_size + place.offset] = scale;
  }
  for (int d = lane; d < dim; d += 32)
    encode(values + value_index<T>(place.offset % kValueGroup, d, dim),
           sizeof(T) == 1 && inverse == 0 ? 0.0f : x[d], inverse);
}

// f(type of the pages' values)
template <class F>
void for_pages_of(DType dtype, F f) {
  if (dtype == DType::f32) f(float{});
  else if (dtype == DType::bf16) f(uint16_t{});
  else f(int8_t{});
}

}  // namespace conclave::cuda

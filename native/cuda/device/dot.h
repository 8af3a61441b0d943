#pragma once
// Plain dot products of a warp, for shapes and formats that matrix instructions do not take. Lanes
// stride over k, then sum in a tree: one order by k alone.
#include "cuda/device/number_format.h"
#include "cuda/device/reduce.h"

namespace conclave::cuda {

// x · row `row` of a matrix of k columns; a lane's columns meet each scale once.
template <class W>
__device__ __forceinline__ float warp_dot(const float* x, const void* matrix, const float* scales,
                                          int row, int k, int lane) {
  static_assert(kScaleColumns == 32);
  const auto* w = static_cast<const typename W::Stored*>(matrix) + int64_t{row} * k;
  const float* scale = scales + int64_t{row} * scales_of_row(k);
  float sum = 0;
  for (int i = lane; i < k; i += 32) {
    float value = W::load(w + i);
    if (sizeof(typename W::Stored) == 1) value *= scale[i / kScaleColumns];
    sum += activation<W>(x[i]) * value;
  }
  return warp_sum(sum);
}

}  // namespace conclave::cuda

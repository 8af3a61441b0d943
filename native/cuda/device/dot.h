#pragma once
// Plain dot products of a warp, for shapes and formats that matrix instructions do not take. Lanes
// stride over k, then sum in a tree: one order by k alone.
#include "cuda/device/number_format.h"
#include "cuda/device/reduce.h"

namespace conclave::cuda {

template <class W>
__device__ __forceinline__ float warp_dot(const float* x, const typename W::Stored* w, int k,
                                          int lane) {
  float sum = 0;
  for (int i = lane; i < k; i += 32) sum += activation<W>(x[i]) * W::load(w + i);
  return warp_sum(sum);
}

}  // namespace conclave::cuda

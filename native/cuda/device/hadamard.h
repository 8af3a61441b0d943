#pragma once
// The turn of cpu/hadamard.h, by one warp over a row in shared memory: the same sums in the same
// order.
#include "cuda/device/hw.h"

namespace conclave::cuda {

// x (dim): blocks of the largest power of two that divides dim. Not scaled; the inverse is the same
// turn divided by block_of(dim).
__device__ __forceinline__ int block_of(int dim) { return dim & -dim; }

__device__ __forceinline__ void hadamard(float* x, int dim, int lane) {
  for (int half = 1; half < block_of(dim); half *= 2) {
    hw::sync_warp();
    for (int pair = lane; pair < dim / 2; pair += 32) {
      const int i = pair / half * 2 * half + pair % half;
      const float a = x[i], b = x[i + half];
      x[i] = a + b;
      x[i + half] = a - b;
    }
  }
  hw::sync_warp();
}

}  // namespace conclave::cuda

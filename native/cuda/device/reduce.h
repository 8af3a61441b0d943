#pragma once
// Sums and maxima over a warp or a block, in one order: lane by lane in a tree, then warp by warp.
#include "cuda/device/hw.h"

namespace conclave::cuda {

__device__ __forceinline__ float warp_sum(float x) {
  for (int mask = 16; mask > 0; mask /= 2) x += hw::shfl_xor(x, mask);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
  for (int mask = 16; mask > 0; mask /= 2) x = fmaxf(x, hw::shfl_xor(x, mask));
  return x;
}

// The sum over all threads of the block, in every thread. `sums` holds one float a warp; a block
// that reduces twice meets in between.
__device__ __forceinline__ float block_sum(float x, float* sums, int num_warps) {
  x = warp_sum(x);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = x;
  hw::sync_block();
  float total = 0;
  for (int w = 0; w < num_warps; w++) total += sums[w];
  return total;
}

}  // namespace conclave::cuda

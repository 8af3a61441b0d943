#pragma once
// What the launchers of matmul hand to their kernels.
#include "cuda/device/number_format.h"
#include "cuda/launch.h"

namespace conclave::cuda {

// y (num_tokens, out) = x (num_tokens, in) · wᵀ + bias; w (out, in), bias null where there is none.
struct Product {
  float* y;
  const float* x;
  const void* w;
  const float *scales, *bias;
  int num_tokens, out, in;
};

__device__ __forceinline__ void store(const Product& p, int token, int n, float sum) {
  p.y[int64_t{token} * p.out + n] = p.bias ? sum + p.bias[n] : sum;
}

// bf16 and int8 on Hopper, on streams that need not be batch-invariant, from so many tokens on that
// a tile of them is at least half full. `in` is a multiple of kFragmentAlign, w on 16 bytes. Work:
// 2·num_tokens·out·in flops, bound by them. False where the portable tiles are to be taken.
bool matmul_hopper(const Product& p, Bf16, CudaStream& stream);
bool matmul_hopper(const Product& p, Int8, CudaStream& stream);

}  // namespace conclave::cuda

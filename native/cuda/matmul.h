#pragma once
// What the launchers of matmul hand to their kernels.
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

// bf16 on Hopper, where it is faster than the portable tiles: enough tokens, and a stream that
// need not be batch-invariant.
bool takes_hopper(const Product& p, const CudaStream& stream);
// rounded (num_tokens, in): x in bf16. Work: 2·num_tokens·out·in flops, bound by them.
void matmul_hopper(const Product& p, const uint16_t* rounded, CudaStream& stream);

}  // namespace conclave::cuda

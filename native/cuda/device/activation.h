#pragma once
// silu(gate) · up, as every kernel computes it.
#include "cuda/device/hw.h"

namespace conclave::cuda {

__device__ __forceinline__ float silu_mul(float gate, float up) {
  return gate / (1.0f + expf(-gate)) * up;
}

}  // namespace conclave::cuda

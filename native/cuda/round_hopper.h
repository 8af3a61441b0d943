#pragma once
// Activations as Hopper's kernels take them: rounded to bf16, where weights are int8 in the order
// of hopper_int8_index.
#include "cuda/device/hopper_int8.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kRoundHopperThreads = 256;

template <class W>
__device__ __forceinline__ int hopper_index(int i) {
  return kFourBytes<W> ? hopper_int8_index(i) : i;
}

template <class W>
__global__ void __launch_bounds__(kRoundHopperThreads)
    round_hopper_kernel(uint16_t* y, const float* x, int64_t elements) {
  hw::let_next_kernel_start();
  const int64_t i = int64_t{blockIdx.x} * kRoundHopperThreads + threadIdx.x;
  if (i < elements) y[i / 16 * 16 + hopper_index<W>(static_cast<int>(i % 16))] = hw::to_bf16(x[i]);
}

}  // namespace

// y (elements) bf16; rows are multiples of 16.
template <class W>
void round_hopper(uint16_t* y, const float* x, int64_t elements, CudaStream& stream) {
  hw::launch("round_hopper", round_hopper_kernel<W>, {blocks(elements, kRoundHopperThreads)},
             kRoundHopperThreads, 0, stream.queue, y, x, elements);
}

}  // namespace conclave::cuda

#pragma once
// Activations as matrix instructions take them: rounded to bf16, in the order of activation_index.
#include "cuda/device/fragments.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kRoundThreads = 256;

template <class W>
__global__ void __launch_bounds__(kRoundThreads)
    round_rows_kernel(uint4* y, const float* x, int64_t num_eights) {
  hw::let_next_kernel_start();
  const int64_t i = int64_t{blockIdx.x} * kRoundThreads + threadIdx.x;
  if (i < num_eights) y[i] = round_eight<W>(x + 8 * i);
}

}  // namespace

// y (elements) bf16; rows are multiples of kFragmentAlign.
template <class W>
void round_rows(uint16_t* y, const float* x, int64_t elements, CudaStream& stream) {
  hw::launch("round_rows", round_rows_kernel<W>, {blocks(elements / 8, kRoundThreads)},
             kRoundThreads, 0, stream.queue, reinterpret_cast<uint4*>(y), x, elements / 8);
}

}  // namespace conclave::cuda

#pragma once
// The way from an op's check to a card.
#include "cuda/ops.h"

namespace conclave::ops {

inline cuda::CudaStream& on_cuda(Stream& stream) { return static_cast<cuda::CudaStream&>(stream); }

}  // namespace conclave::ops

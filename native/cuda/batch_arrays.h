#pragma once
// The batch's arrays on the card: where the executor has put them, or, for a caller that gives host
// arrays alone, in scratch memory.
#include "cuda/device/batch.h"
#include "cuda/stream.h"

namespace conclave::cuda {

DeviceBatch arrays_of(const BatchView& batch, CudaStream& stream);

}  // namespace conclave::cuda

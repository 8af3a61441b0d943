#pragma once
// What every launcher uses.
#include "cuda/device/hw.h"
#include "cuda/ops.h"

namespace conclave::cuda {

inline unsigned blocks(int64_t n, int64_t per_block) {
  return static_cast<unsigned>((n + per_block - 1) / per_block);
}

}  // namespace conclave::cuda

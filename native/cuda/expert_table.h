#pragma once
// An expert's matrices as kernels reach them.
#include <cstddef>
#include <vector>

#include "cuda/stream.h"
#include "cuda/tensor_map.h"
#include "ops/moe_experts.h"

namespace conclave::cuda {

struct ExpertPointers {
  const void *gate, *up, *down;
  const float *gate_scales, *up_scales, *down_scales;
};

// The same as boxes of kMapRows rows that TMA copies.
constexpr int kMapRows = 64;
struct ExpertMaps {
  TensorMap gate, up, down;
};

// Pointers and sizes are multiples of 16, as matrix instructions and TMA take them.
bool takes_fragments(const ops::ExpertTable& experts);

// What the card keeps of `experts`: pointers of each, then, for kernels of Hopper, their maps.
std::vector<std::byte> expert_table(const ops::ExpertTable& experts, const CudaStream& stream);
// Where the maps begin in it; null where it has none.
const ExpertMaps* maps_of(const void* table, const ops::ExpertTable& experts,
                          const CudaStream& stream);

}  // namespace conclave::cuda

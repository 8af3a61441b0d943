#pragma once
// What the launchers of moe_experts hand to their kernels. A pair is (token, slot) = token · k +
// slot; a pair whose expert is -1 belongs to a padded token and adds nothing.
#include "cuda/device/fragments.h"
#include "cuda/expert_table.h"
#include "cuda/launch.h"

namespace conclave::cuda {

struct MoeProblem {
  float* y;
  const float* x;
  const int32_t* expert_ids;
  const float* weights;
  const ExpertPointers* experts;
  const ExpertMaps* maps;  // null where no kernel of Hopper may run
  int num_tokens, k, num_experts, hidden, intermediate;
};

// Any shape and format: a warp for each output feature of each pair.
template <class W>
void moe_dot(const MoeProblem& p, CudaStream& stream);
// At most 8 tokens, without sorting. Same bits as moe_tiles.
template <class W>
void moe_few(const MoeProblem& p, CudaStream& stream);
// Pairs sorted by expert; tiles of the pairs of one expert.
template <class W>
void moe_tiles(const MoeProblem& p, CudaStream& stream);
// The same by TMA and wgmma, with other last bits. Needs p.maps.
template <class W>
void moe_hopper(const MoeProblem& p, CudaStream& stream);

}  // namespace conclave::cuda

#pragma once
// An expert's matrices as kernels reach them: the table on the card has one of these an expert.
#include <vector>

#include "ops/moe_experts.h"

namespace conclave::cuda {

struct ExpertPointers {
  const void *gate, *up, *down;
  const float *gate_scales, *up_scales, *down_scales;
};

inline std::vector<ExpertPointers> expert_pointers(const ops::ExpertTable& experts) {
  std::vector<ExpertPointers> list;
  for (size_t e = 0; e < experts.gate.size(); e++) {
    list.push_back({experts.gate[e].data, experts.up[e].data, experts.down[e].data,
                    experts.gate[e].scales, experts.up[e].scales, experts.down[e].scales});
  }
  return list;
}

}  // namespace conclave::cuda

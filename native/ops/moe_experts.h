#pragma once
// moe_experts: y[t] = sum_j weights[t,j] · down_e( silu(gate_e x[t]) ⊙ up_e x[t] ),  e =
// expert_ids[t,j]
//   shapes  x, y (num_tokens, hidden_size)   expert_ids, weights (num_tokens, num_experts_per_tok)
//           gate, up: num_experts × (moe_intermediate_size, hidden_size)   down: num_experts ×
//           (hidden_size, moe_intermediate_size)
//   types   x, y, weights f32   expert_ids i32   expert matrices f32 | f16 | bf16 | i8; sums in f32
//   alias   none
//   order   over k as matmul; the sum over j runs through rising expert ids on the CPU, j = 0, 1, …
//   on a card: bits depend on the token alone
//   sparse  only the experts that some token chose are read; an expert is reached through the
//   table, never by arithmetic
//   cost    reads distinct experts × 3·I·H·s bytes (bound at few tokens); 6·T·k·I·H flops (bound
//   at many)
//   source  Shazeer et al. 2017, arXiv:1701.06538; Qwen3MoeSparseMoeBlock
#include <vector>

#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {

struct ExpertTable {
  std::vector<Weight> gate, up, down;  // indexed by expert id
  // The same as a device's kernels read it, in its memory; null: they go through the lists above.
  const void* device_table = nullptr;
};

void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights, const ExpertTable& experts,
                 Stream& stream);

}  // namespace conclave::ops

#pragma once
// moe_route: softmax over all experts, the k largest (ties: the lower id), in falling order;
// renormalised where `norm_topk_prob`
//   p = softmax(router_logits[t]);  expert_ids[t] = top-k(p);  weights[t] = p[ids] (/ sum of the k)
//   shapes  router_logits (num_tokens, num_experts)
//           expert_ids, weights (num_tokens, num_experts_per_tok)
//   types   router_logits, weights f32   expert_ids i32
//           NaN logits: NaN weights, ids still in range
//   source  Qwen3MoeTopKRouter
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               Stream& stream);
}

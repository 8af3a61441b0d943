#include "ops/moe_route.h"

#include "core/check.h"
#include "ops/on_cpu.h"
#include "ops/on_cuda.h"

namespace conclave::ops {

void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               Stream& stream) {
  Dim T("num_tokens"), E("num_experts"), k("num_experts_per_tok");
  match("moe_route", "router_logits", router_logits, {T, E});
  match("moe_route", "expert_ids", expert_ids, {T, k});
  match("moe_route", "weights", weights, {T, k});
  match_dtype("moe_route", "router_logits", router_logits, DType::f32);
  match_dtype("moe_route", "expert_ids", expert_ids, DType::i32);
  match_dtype("moe_route", "weights", weights, DType::f32);
  if (k.value < 1 || k.value > E.value) {
    throw Error("invalid_config", "moe_route: num_experts_per_tok is " + std::to_string(k.value) +
                                      ", expected 1 to num_experts " + std::to_string(E.value));
  }
  if (stream.kind == DeviceKind::cuda)
    return cuda::moe_route(expert_ids, weights, router_logits, norm_topk_prob, on_cuda(stream));
  cpu::moe_route(expert_ids, weights, router_logits, norm_topk_prob, on_cpu(stream));
}

}  // namespace conclave::ops

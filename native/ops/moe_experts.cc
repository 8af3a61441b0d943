#include "ops/moe_experts.h"

#include "ops/on_cpu.h"
#include "ops/on_cuda.h"
#include "ops/weight_check.h"

namespace conclave::ops {

namespace {

void match_experts(const ExpertTable& experts, Dim& I, Dim& H) {
  if (experts.gate.empty() || experts.gate.size() != experts.up.size() ||
      experts.gate.size() != experts.down.size()) {
    throw Error("invalid_config", "moe_experts: gate, up and down list " +
                                      std::to_string(experts.gate.size()) + ", " +
                                      std::to_string(experts.up.size()) + " and " +
                                      std::to_string(experts.down.size()) +
                                      " experts, expected equally many and at least one");
  }
  const auto same = [](const Weight& a, const Weight& b) { return a.dtype == b.dtype; };
  for (size_t e = 0; e < experts.gate.size(); e++) {
    match_weight("moe_experts", "gate", experts.gate[e], I, H);
    match_weight("moe_experts", "up", experts.up[e], I, H);
    match_weight("moe_experts", "down", experts.down[e], H, I);
    if (same(experts.gate[e], experts.gate[0]) && same(experts.up[e], experts.gate[0]) &&
        same(experts.down[e], experts.down[0]))
      continue;
    throw Error("invalid_config", "moe_experts: expert " + std::to_string(e) +
                                      " mixes formats, expected those of expert 0: gate and up " +
                                      dtype_name(experts.gate[0].dtype) + ", down " +
                                      dtype_name(experts.down[0].dtype));
  }
}

}  // namespace

void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights, const ExpertTable& experts,
                 Stream& stream) {
  Dim T("num_tokens"), H("hidden_size"), I("moe_intermediate_size"), k("num_experts_per_tok");
  match("moe_experts", "x", x, {T, H});
  match("moe_experts", "y", y, {T, H});
  match("moe_experts", "expert_ids", expert_ids, {T, k});
  match("moe_experts", "weights", weights, {T, k});
  match_dtype("moe_experts", "x", x, DType::f32);
  match_dtype("moe_experts", "y", y, DType::f32);
  match_dtype("moe_experts", "expert_ids", expert_ids, DType::i32);
  match_dtype("moe_experts", "weights", weights, DType::f32);
  match_experts(experts, I, H);
  if (stream.kind == DeviceKind::cuda)
    return cuda::moe_experts(y, x, expert_ids, weights, experts, on_cuda(stream));
  cpu::moe_experts(y, x, expert_ids, weights, experts, on_cpu(stream));
}

}  // namespace conclave::ops

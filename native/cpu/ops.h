#pragma once
// The ops on the CPU; contracts are in ops/*.h, shapes are checked by ops/*.cc.
#include "cache/kv_cache.h"
#include "core/tensor.h"
#include "cpu/stream.h"
#include "ops/matmul.h"
#include "ops/moe_experts.h"
#include "ops/sample.h"

namespace conclave::cpu {

void add(Tensor y, Tensor a, Tensor b, CpuStream& stream);
void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               CpuStream& stream);
void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, CpuStream& stream);
void gather_rows(Tensor y, Tensor x, Tensor rows, CpuStream& stream);
void matmul(std::span<const ops::Product> products, Tensor x, CpuStream& stream);
void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights,
                 const ops::ExpertTable& experts, CpuStream& stream);
void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               CpuStream& stream);
void rms_norm(Tensor y, Tensor x, Tensor w, float eps, CpuStream& stream);
void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          CpuStream& stream);
void sample(std::vector<ops::SampleResult>& results, Tensor logits,
            const std::vector<ops::SamplerState*>& states, CpuStream& stream);
void silu_mul(Tensor y, Tensor gate, Tensor up, CpuStream& stream);
void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CpuStream& stream);

}  // namespace conclave::cpu

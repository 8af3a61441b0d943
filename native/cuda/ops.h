#pragma once
// The ops on a card; contracts are in ops/*.h, shapes are checked by ops/*.cc. Tensors, weights and
// batch arrays lie in memory that the card reads, except what a BatchView says of the host.
#include "cache/kv_cache.h"
#include "core/tensor.h"
#include "cuda/stream.h"
#include "ops/moe_experts.h"
#include "ops/sample.h"

namespace conclave::cuda {

void add(Tensor y, Tensor a, Tensor b, CudaStream& stream);
void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               CudaStream& stream);
void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, CudaStream& stream);
void gather_rows(Tensor y, Tensor x, Tensor rows, CudaStream& stream);
void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, CudaStream& stream);
void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights,
                 const ops::ExpertTable& experts, CudaStream& stream);
void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               CudaStream& stream);
void rms_norm(Tensor y, Tensor x, Tensor w, float eps, CudaStream& stream);
void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          CudaStream& stream);
// Sampling::ask, and Sampling::take once the card has done that.
ops::AskedRows ask_sample(Tensor logits, const std::vector<ops::SamplerState*>& states,
                          int32_t* chosen, CudaStream& stream);
void take_sampled(std::vector<ops::SampleResult>& results,
                  const std::vector<ops::SamplerState*>& states, const ops::AskedRows& asked);
void silu_mul(Tensor y, Tensor gate, Tensor up, CudaStream& stream);
void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CudaStream& stream);

}  // namespace conclave::cuda

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/plain.h"

namespace conclave::cpu {

void plain::exp_minus(float* y, const float* x, int64_t n, float max) {
  for (int64_t i = 0; i < n; i++) y[i] = std::exp(x[i] - max);
}

namespace {

// The k largest of p by insertion, equal values in rising id. The first k enter unasked, so that
// ids are distinct and in range where NaN makes every comparison false.
void top_k(int32_t* ids, float* weights, const float* p, int64_t n, int64_t k) {
  for (int64_t e = 0; e < n; e++) {
    int64_t slot = std::min(e, k);
    if (slot == k && !(p[e] > weights[k - 1])) continue;
    if (slot == k) slot = k - 1;
    for (; slot > 0 && p[e] > weights[slot - 1]; slot--) {
      weights[slot] = weights[slot - 1];
      ids[slot] = ids[slot - 1];
    }
    weights[slot] = p[e];
    ids[slot] = static_cast<int32_t>(e);
  }
}

void route(int32_t* ids, float* weights, const float* logits, float* p, int64_t num_experts,
           int64_t k, bool norm_topk_prob, const Kernels& kernels) {
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
  for (int64_t e = 0; e < num_experts; e++) max = std::max(max, logits[e]);
  kernels.exp_minus(p, logits, num_experts, max);
  for (int64_t e = 0; e < num_experts; e++) sum += p[e];
  for (int64_t e = 0; e < num_experts; e++) p[e] /= sum;
  top_k(ids, weights, p, num_experts, k);
  if (!norm_topk_prob) return;
  float chosen = 0;
  for (int64_t j = 0; j < k; j++) chosen += weights[j];
  for (int64_t j = 0; j < k; j++) weights[j] /= chosen;
}

}  // namespace

void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               CpuStream& stream) {
  const int64_t num_tokens = router_logits.shape[0], num_experts = router_logits.shape[1];
  const int64_t k = expert_ids.shape[1];
  float* scratch = static_cast<float*>(
      stream.scratch(0, stream.pool.num_threads() * num_experts * int64_t{sizeof(float)}));
  for_each_task(stream.pool, num_tokens, num_tokens * num_experts * 5, [&](int64_t t, int thread) {
    route(expert_ids.i32() + t * k, weights.f32() + t * k, router_logits.f32() + t * num_experts,
          scratch + thread * num_experts, num_experts, k, norm_topk_prob, stream.kernels);
  });
}

}  // namespace conclave::cpu

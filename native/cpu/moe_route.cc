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

int64_t plain::largest(const float* x, int64_t n) {
  int64_t best = 0;
  float top = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < n; i++) {
    if (x[i] > top) top = x[best = i];
  }
  return best;
}

namespace {

// A token takes less time than its hand-out.
constexpr int64_t kTokensPerTask = 16;

// `p` (num_experts) is scratch.
void route(int32_t* ids, float* weights, const float* logits, float* p, int64_t num_experts,
           int64_t k, bool norm_topk_prob, const Kernels& kernels) {
  kernels.exp_minus(p, logits, num_experts, logits[kernels.largest(logits, num_experts)]);
  float sum = 0, chosen = 0;
  for (int64_t e = 0; e < num_experts; e++) sum += p[e];
  for (int64_t j = 0; j < k; j++) {
    // NaN is larger than nothing: ids are distinct and in range for it as well.
    const int64_t id = std::isnan(sum) ? j : kernels.largest(p, num_experts);
    ids[j] = static_cast<int32_t>(id);
    weights[j] = std::isnan(sum) ? sum : p[id] / sum;
    chosen += weights[j];
    p[id] = -1;  // below every other
  }
  for (int64_t j = 0; norm_topk_prob && j < k; j++) weights[j] /= chosen;
}

}  // namespace

void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               CpuStream& stream) {
  const int64_t num_tokens = router_logits.shape[0], num_experts = router_logits.shape[1];
  const int64_t k = expert_ids.shape[1];
  float* scratch = static_cast<float*>(
      stream.scratch(0, stream.pool.num_threads() * num_experts * int64_t{sizeof(float)}));
  const int64_t num_tasks = (num_tokens + kTokensPerTask - 1) / kTokensPerTask;
  for_each_task(stream.pool, num_tasks, num_tokens * num_experts * 5,
                [&](int64_t task, int thread) {
                  const int64_t end = std::min((task + 1) * kTokensPerTask, num_tokens);
                  for (int64_t t = task * kTokensPerTask; t < end; t++) {
                    route(expert_ids.i32() + t * k, weights.f32() + t * k,
                          router_logits.f32() + t * num_experts, scratch + thread * num_experts,
                          num_experts, k, norm_topk_prob, stream.kernels);
                  }
                });
}

}  // namespace conclave::cpu

// moe_route: a warp for each token. The probabilities lie in shared memory; k rounds of a maximum
// over the warp take them out in falling order, equal ones in rising id.
#include "cuda/device/reduce.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32;

struct Best {
  float p;
  int id;
};

__device__ __forceinline__ bool better(float p, int id, const Best& than) {
  return p > than.p || (p == than.p && id < than.id);
}

// The best of `keys` (num_experts), the same in every lane.
__device__ __forceinline__ Best find_best(const float* keys, int num_experts, int lane) {
  Best best{-4.0f, num_experts};
  for (int e = lane; e < num_experts; e += 32) {
    if (better(keys[e], e, best)) best = {keys[e], e};
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    const float p = hw::shfl_xor(best.p, mask);
    const int id = hw::shfl_xor(best.id, mask);
    if (better(p, id, best)) best = {p, id};
  }
  return best;
}

// NaN ranks last, and may be chosen all the same: ids stay distinct and in range.
__device__ __forceinline__ float rank(float p) { return p >= 0 ? p : -1.0f; }
constexpr float kTaken = -2.0f;

__global__ void __launch_bounds__(kThreads)
    moe_route_kernel(int32_t* expert_ids, float* weights, const float* router_logits,
                     const int32_t* num_live_tokens, int num_tokens, int num_experts, int k,
                     bool norm_topk_prob) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t t = int64_t{blockIdx.x} * kWarps + warp;
  if (t >= num_tokens) return;
  int32_t* ids = expert_ids + t * k;
  float* out = weights + t * k;
  if (num_live_tokens && t >= *num_live_tokens) {
    for (int j = lane; j < k; j += 32) ids[j] = -1, out[j] = 0;
    return;
  }
  const float* logits = router_logits + t * num_experts;
  float* keys = hw::shared<float>() + warp * num_experts;
  float max = -INFINITY;
  for (int e = lane; e < num_experts; e += 32) max = fmaxf(max, logits[e]);
  max = warp_max(max);
  float sum = 0;
  for (int e = lane; e < num_experts; e += 32) sum += expf(logits[e] - max);
  sum = warp_sum(sum);
  for (int e = lane; e < num_experts; e += 32) keys[e] = rank(expf(logits[e] - max) / sum);
  hw::sync_warp();
  float chosen = 0;
  for (int j = 0; j < k; j++) {
    const Best best = find_best(keys, num_experts, lane);
    const float p = expf(logits[best.id] - max) / sum;
    chosen += p;
    if (lane == 0) {
      ids[j] = best.id;
      out[j] = p;
      keys[best.id] = kTaken;
    }
    hw::sync_warp();
  }
  if (!norm_topk_prob) return;
  for (int j = lane; j < k; j += 32) out[j] /= chosen;
}

}  // namespace

void moe_route(Tensor expert_ids, Tensor weights, Tensor router_logits, bool norm_topk_prob,
               CudaStream& stream) {
  const int64_t num_tokens = router_logits.shape[0], num_experts = router_logits.shape[1];
  hw::launch("moe_route", moe_route_kernel, {blocks(num_tokens, kWarps)}, kThreads,
             kWarps * num_experts * int64_t{sizeof(float)}, stream.queue, expert_ids.i32(),
             weights.f32(), router_logits.f32(), stream.num_live_tokens,
             static_cast<int>(num_tokens), static_cast<int>(num_experts),
             static_cast<int>(expert_ids.shape[1]), norm_topk_prob);
}

}  // namespace conclave::cuda

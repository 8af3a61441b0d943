// moe_experts for shapes and formats that matrix instructions do not take.
#include "cuda/device/activation.h"
#include "cuda/device/dot.h"
#include "cuda/moe_experts.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

template <class W>
__global__ void __launch_bounds__(kThreads) moe_dot_gate_up_kernel(float* act, MoeProblem p) {
  const int lane = static_cast<int>(threadIdx.x) % 32, pair = static_cast<int>(blockIdx.x);
  const int i = static_cast<int>(blockIdx.y) * kWarps + static_cast<int>(threadIdx.x) / 32;
  const int e = p.expert_ids[pair];
  if (i >= p.intermediate || e < 0) return;
  const ExpertPointers expert = p.experts[e];
  const float* x = p.x + int64_t{pair / p.k} * p.hidden;
  const float gate = warp_dot<W>(x, expert.gate, expert.gate_scales, i, p.hidden, lane);
  const float up = warp_dot<W>(x, expert.up, expert.up_scales, i, p.hidden, lane);
  if (lane == 0) act[int64_t{pair} * p.intermediate + i] = silu_mul(gate, up);
}

template <class W>
__global__ void __launch_bounds__(kThreads) moe_dot_down_kernel(const float* act, MoeProblem p) {
  const int lane = static_cast<int>(threadIdx.x) % 32, token = static_cast<int>(blockIdx.x);
  const int h = static_cast<int>(blockIdx.y) * kWarps + static_cast<int>(threadIdx.x) / 32;
  if (h >= p.hidden) return;
  float sum = 0;
  for (int j = 0; j < p.k; j++) {
    const int pair = token * p.k + j, e = p.expert_ids[pair];
    if (e < 0) continue;
    const ExpertPointers expert = p.experts[e];
    const float down = warp_dot<W>(act + int64_t{pair} * p.intermediate, expert.down,
                                   expert.down_scales, h, p.intermediate, lane);
    sum = fmaf(p.weights[pair], down, sum);
  }
  if (lane == 0) p.y[int64_t{token} * p.hidden + h] = sum;
}

}  // namespace

template <class W>
void moe_dot(const MoeProblem& p, CudaStream& stream) {
  const int64_t num_pairs = int64_t{p.num_tokens} * p.k;
  auto* act = static_cast<float*>(stream.scratch(0, num_pairs * p.intermediate * 4));
  hw::launch("moe_experts", moe_dot_gate_up_kernel<W>,
             {blocks(num_pairs, 1), blocks(p.intermediate, kWarps)}, kThreads, 0, stream.queue, act,
             p);
  hw::launch("moe_experts", moe_dot_down_kernel<W>,
             {blocks(p.num_tokens, 1), blocks(p.hidden, kWarps)}, kThreads, 0, stream.queue,
             static_cast<const float*>(act), p);
}

template void moe_dot<F32>(const MoeProblem&, CudaStream&);
template void moe_dot<F16>(const MoeProblem&, CudaStream&);
template void moe_dot<Bf16>(const MoeProblem&, CudaStream&);
template void moe_dot<Int8>(const MoeProblem&, CudaStream&);

}  // namespace conclave::cuda

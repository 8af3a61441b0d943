// moe_experts of at most 8 tokens: two kernels, no sorting, no copies. A fragment has one token
// here; its seven empty columns cost nothing, as reading the weights is all the time there is.
//   gate_up  a block for 16 rows of a pair's expert, its warps share k; silu·mul in the same block
//   down     a block for 16 rows of a token, a warp for each slot; the slots are summed in order
#include "cuda/device/activation.h"
#include "cuda/moe_experts.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

// Rows first + g and first + g + 8; those behind the last are read as the last, and not stored.
template <class W>
__device__ __forceinline__ WeightRows<W> lane_rows(const void* matrix, const float* scales,
                                                   int first, int num_rows, int width) {
  const int row = first + static_cast<int>(threadIdx.x) % 32 / 4;
  return weight_rows<W>(matrix, scales, min(row, num_rows - 1), min(row + 8, num_rows - 1), width);
}

// Column 0 of the fragment is the token, the others are empty.
template <class W, class Eight>
__device__ __forceinline__ void token_registers(uint32_t (&b)[4][2], int k0, int k, int lane,
                                                Eight eight) {
  uint4 eights[2] = {};
  for (int h = 0; h < 2; h++) {
    const int at = k0 + lane_columns(h, lane % 4);
    if (lane / 4 == 0 && at < k) eights[h] = eight(at);
  }
  activation_registers(b, eights[0], eights[1]);
}

template <class W>
__global__ void __launch_bounds__(kThreads) moe_few_gate_up_kernel(uint16_t* act, MoeProblem p) {
  static_assert(kWarps == kChunks);
  float* partial = hw::shared<float>();  // (kChunks, gate and up, rows)
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4, pair = static_cast<int>(blockIdx.x);
  const int first = static_cast<int>(blockIdx.y) * kFragmentRows, k = p.hidden;
  const int e = p.expert_ids[pair];
  if (e < 0) return;  // the whole block
  const ExpertPointers expert = p.experts[e];
  const WeightRows<W> gate_rows =
      lane_rows<W>(expert.gate, expert.gate_scales, first, p.intermediate, k);
  const WeightRows<W> up_rows = lane_rows<W>(expert.up, expert.up_scales, first, p.intermediate, k);
  const float* x = p.x + int64_t{pair / p.k} * k;
  const int length = chunk_length(k), end = min(k, (warp + 1) * length);
  float gate[4] = {}, up[4] = {};
  for (int k0 = warp * length; k0 < end; k0 += kStep) {
    WeightStep<W> gate_step, up_step;
    load_weights(gate_step, gate_rows, k0, k, t);
    load_weights(up_step, up_rows, k0, k, t);
    uint32_t a[4][4], b[4][2];
    token_registers<W>(b, k0, k, lane, [&](int at) { return round_eight<W>(x + at); });
    weight_registers(a, gate_step);
    multiply_step(gate, a, b, gate_step);
    weight_registers(a, up_step);
    multiply_step(up, a, b, up_step);
  }
  if (t == 0) {
    float* mine = partial + warp * 2 * kFragmentRows;
    mine[g] = gate[0], mine[g + 8] = gate[2];
    mine[kFragmentRows + g] = up[0], mine[kFragmentRows + g + 8] = up[2];
  }
  hw::sync_block();
  const int i = first + static_cast<int>(threadIdx.x);
  if (threadIdx.x >= kFragmentRows || i >= p.intermediate) return;
  float sums[2] = {};
  for (int c = 0; c < kChunks; c++) {
    for (int m = 0; m < 2; m++)
      sums[m] += partial[(c * 2 + m) * kFragmentRows + static_cast<int>(threadIdx.x)];
  }
  act[int64_t{pair} * p.intermediate + activation_index<W>(i)] =
      hw::to_bf16(silu_mul(sums[0], sums[1]));
}

// 16 rows of down_e · act, chunk after chunk; rows g and g + 8 in lanes with t = 0.
template <class W>
__device__ __forceinline__ void down_rows(float (&total)[4], const ExpertPointers& expert,
                                          const uint16_t* act, int first, const MoeProblem& p,
                                          int lane) {
  const int k = p.intermediate, length = chunk_length(k);
  const WeightRows<W> rows = lane_rows<W>(expert.down, expert.down_scales, first, p.hidden, k);
  for (int begin = 0; begin < k; begin += length) {
    float sums[4] = {};
    for (int k0 = begin; k0 < min(k, begin + length); k0 += kStep) {
      WeightStep<W> step;
      load_weights(step, rows, k0, k, lane % 4);
      uint32_t a[4][4], b[4][2];
      token_registers<W>(b, k0, k, lane, [&](int at) { return hw::load16(act + at); });
      weight_registers(a, step);
      multiply_step(sums, a, b, step);
    }
    for (int i = 0; i < 4; i++) total[i] += sums[i];
  }
}

template <class W>
__global__ void __launch_bounds__(kThreads) moe_few_down_kernel(const uint16_t* act, MoeProblem p) {
  float* slots = hw::shared<float>();  // (k, rows)
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int first = static_cast<int>(blockIdx.x) * kFragmentRows;
  const int token = static_cast<int>(blockIdx.y);
  for (int j = warp; j < p.k; j += kWarps) {
    const int pair = token * p.k + j, e = p.expert_ids[pair];
    if (e < 0) continue;  // the whole warp
    const ExpertPointers expert = p.experts[e];
    float total[4] = {};
    down_rows<W>(total, expert, act + int64_t{pair} * p.intermediate, first, p, lane);
    for (int i = 0; i < 4; i += 2) {
      const int row = sum_row(i, lane);
      if (lane % 4 == 0) slots[j * kFragmentRows + row] = total[i];
    }
  }
  hw::sync_block();
  const int row = static_cast<int>(threadIdx.x), h = first + row;
  if (row >= kFragmentRows || h >= p.hidden) return;
  float sum = 0;
  for (int j = 0; j < p.k; j++) {
    const int pair = token * p.k + j;
    if (p.expert_ids[pair] >= 0) sum = fmaf(p.weights[pair], slots[j * kFragmentRows + row], sum);
  }
  p.y[int64_t{token} * p.hidden + h] = sum;
}

}  // namespace

template <class W>
void moe_few(const MoeProblem& p, CudaStream& stream) {
  const int64_t num_pairs = int64_t{p.num_tokens} * p.k;
  auto* act = static_cast<uint16_t*>(stream.scratch(0, num_pairs * p.intermediate * 2));
  hw::launch("moe_experts", moe_few_gate_up_kernel<W>,
             {blocks(num_pairs, 1), blocks(p.intermediate, kFragmentRows)}, kThreads,
             kChunks * 2 * kFragmentRows * int64_t{sizeof(float)}, stream.queue, act, p);
  hw::launch("moe_experts", moe_few_down_kernel<W>,
             {blocks(p.hidden, kFragmentRows), blocks(p.num_tokens, 1)}, kThreads,
             p.k * kFragmentRows * int64_t{sizeof(float)}, stream.queue,
             static_cast<const uint16_t*>(act), p);
}

template void moe_few<Bf16>(const MoeProblem&, CudaStream&);
template void moe_few<Int8>(const MoeProblem&, CudaStream&);

}  // namespace conclave::cuda

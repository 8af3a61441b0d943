// moe_experts of many tokens on Hopper, between the sorting and the summing of moe_sort.h. The
// weights of a tile come by TMA from the map of its expert; the producing warp gathers the rows of
// its tokens with ordinary asynchronous copies, which it fences to wgmma's proxy.
//   gate_up  64 rows of gate in one warpgroup, the same of up in the other, which hands its sums
//            over in shared memory for silu·mul
//   down     128 rows, into one row a pair
// int8: device/hopper_int8.h.
#include <type_traits>

#include "cuda/device/activation.h"
#include "cuda/device/hopper_int8.h"
#include "cuda/moe_sort.h"
#include "cuda/round_hopper.h"

namespace conclave::cuda {

namespace {

constexpr int kHalfRows = kMapRows, kStages = 4, kRowBytes = kBoxRowBytes;
constexpr int kSums = kTilePairs / 2;

// A stage is 128 bytes of each row of weights: so many values of k, and as many of each token in
// rows of 128 bytes.
template <class W>
constexpr int kDepth = kRowBytes / static_cast<int>(sizeof(typename W::Stored));
template <class W>
constexpr int kTokenRows = kTilePairs* kDepth<W> / kHopperStep;
template <class W>
using R = Ring<2 * kHalfRows, kTokenRows<W>, kStages>;

// Behind the ring: the sums of up, thread by thread.
constexpr int kUpBytes = 128 * kSums * static_cast<int>(sizeof(float));
template <class W>
constexpr int kSharedBytes = R<W>::kSharedBytes + kUpBytes;
template <class W>
__device__ __forceinline__ float* up_sums() {
  return hw::shared<float>() + R<W>::kSharedBytes / 4;
}

// ---- produce

// Two boxes of weights: rows first … of `low` and of `high`.
struct Boxes {
  const TensorMap *low, *high;
  int low_row, high_row;
};

// By the whole warp. source(r): offset of row r of the tile in `tokens`, −1 where there is none.
template <class W, class Source>
__device__ __forceinline__ void produce(const Boxes& boxes, const uint16_t* tokens, Source source,
                                        int k) {
  constexpr int kLag = 2, kRows = kTilePairs / 4;  // rows of a lane: lane / 8, and 4 more each
  const int lane = static_cast<int>(threadIdx.x) % 32, piece = lane % 8;
  int64_t from[kRows];
#pragma unroll
  for (int i = 0; i < kRows; i++) from[i] = source(lane / 8 + 4 * i);
  if (lane == 0) {
    hw::fence_tensor_map(boxes.low);
    hw::fence_tensor_map(boxes.high);
  }
  const int num_steps = (k + kDepth<W> - 1) / kDepth<W>;
  RingPlace<kStages> place, landed;
  for (int step = 0; step < num_steps + kLag; step++) {
    if (step < num_steps) {
      hw::mbarrier_wait(R<W>::empty(place.stage), place.parity ^ 1);
      char* stage = R<W>::weights(place.stage);
      if (lane == 0) {
        uint64_t* full = R<W>::full(place.stage);
        hw::mbarrier_arrive_expect(full, R<W>::kWeightBytes);
        hw::tma_load(stage, boxes.low, step * kDepth<W>, boxes.low_row, full);
        hw::tma_load(stage + kHalfRows * kRowBytes, boxes.high, step * kDepth<W>, boxes.high_row,
                     full);
      }
      char* to = R<W>::tokens(place.stage);
#pragma unroll
      for (int part = 0; part < kTokenRows<W> / kTilePairs; part++) {
        const int at = step * kDepth<W> + part * kHopperStep + piece * 8;
#pragma unroll
        for (int i = 0; i < kRows; i++) {
          const int row = lane / 8 + 4 * i;
          const bool there = from[i] >= 0 && at < k;
          hw::cp_async16(to + (part * kTilePairs + row) * kRowBytes + (piece ^ (row % 8)) * 16,
                         there ? tokens + from[i] + at : tokens, there ? 16 : 0);
        }
      }
      place.next();
    }
    hw::cp_async_commit();
    if (step < kLag) continue;
    hw::cp_async_wait<kLag>();
    hw::fence_async_proxy();
    hw::mbarrier_arrive(R<W>::full(landed.stage));
    landed.next();
  }
}

// ---- consume

__device__ __forceinline__ void consume(float (&sums)[kSums], Bf16, const LaneScales&, int k) {
  consume_ring<2 * kHalfRows, kTilePairs, kStages>(sums, (k + kHopperStep - 1) / kHopperStep);
}

static_assert(std::is_same_v<R<Int8>, Int8Ring> && kTilePairs == kInt8Tokens);
__device__ __forceinline__ void consume(float (&sums)[kSums], Int8, const LaneScales& rows, int k) {
  consume_int8(sums, rows, k);
}

// ---- kernels

template <class W>
__global__ void __launch_bounds__(kHopperThreads)
    moe_hopper_gate_up_kernel(uint16_t* act, const uint16_t* x, SortedPairs pairs, MoeProblem p) {
  R<W>::init(32 + 1);
  hw::wait_for_kernels_before();
  hw::let_next_kernel_start();
  if (static_cast<int>(blockIdx.x) >= *pairs.num_tiles) return;
  const PairTile tile = pairs.tiles[blockIdx.x];
  const int first_row = static_cast<int>(blockIdx.y) * kHalfRows;
  const int thread = static_cast<int>(threadIdx.x), warpgroup = thread / 128;
  if (uniform_warp() == kConsumerWarps) {
    const ExpertMaps& maps = p.maps[tile.expert];
    return produce<W>(
        {&maps.gate, &maps.up, first_row, first_row}, x,
        [&](int r) {
          if (r >= tile.count) return int64_t{-1};
          return int64_t{pairs.sorted[tile.first + r] / p.k} * p.hidden;
        },
        p.hidden);
  }
  const ExpertPointers expert = p.experts[tile.expert];
  const int row = thread % 128 / 32 * 16 + thread % 32 / 4;
  float sums[kSums] = {};
  consume(sums, W{},
          lane_scales(warpgroup == 0 ? expert.gate_scales : expert.up_scales, first_row + row,
                      p.intermediate, p.hidden),
          p.hidden);
  float* up = up_sums<W>() + thread % 128;
  if (warpgroup == 1) {
#pragma unroll
    for (int i = 0; i < kSums; i++) up[i * 128] = sums[i];
    return hw::named_arrive(1, kConsumers);
  }
  hw::named_barrier(1, kConsumers);
  for_each_hopper_sum<kTilePairs>([&](int r, int token, int i) {
    const int at = first_row + r;
    if (token >= tile.count || at >= p.intermediate) return;
    const int64_t pair = pairs.sorted[tile.first + token];
    act[pair * p.intermediate + hopper_index<W>(at)] = hw::to_bf16(silu_mul(sums[i], up[i * 128]));
  });
}

template <class W>
__global__ void __launch_bounds__(kHopperThreads)
    moe_hopper_down_kernel(float* rows, const uint16_t* act, SortedPairs pairs, MoeProblem p) {
  R<W>::init(32 + 1);
  hw::wait_for_kernels_before();
  if (static_cast<int>(blockIdx.x) >= *pairs.num_tiles) return;
  const PairTile tile = pairs.tiles[blockIdx.x];
  const int first_row = static_cast<int>(blockIdx.y) * 2 * kHalfRows, width = p.intermediate;
  const int thread = static_cast<int>(threadIdx.x);
  if (uniform_warp() == kConsumerWarps) {
    const TensorMap* map = &p.maps[tile.expert].down;
    return produce<W>(
        {map, map, first_row, first_row + kHalfRows}, act,
        [&](int r) {
          return r < tile.count ? int64_t{pairs.sorted[tile.first + r]} * width : int64_t{-1};
        },
        width);
  }
  const int row = first_row + thread / 32 * 16 + thread % 32 / 4;
  float sums[kSums] = {};
  consume(sums, W{}, lane_scales(p.experts[tile.expert].down_scales, row, p.hidden, width), width);
  for_each_hopper_sum<kTilePairs>([&](int r, int token, int i) {
    const int h = first_row + r;
    if (token < tile.count && h < p.hidden)
      rows[int64_t{pairs.sorted[tile.first + token]} * p.hidden + h] = sums[i];
  });
}

}  // namespace

template <class W>
void moe_hopper(const MoeProblem& p, CudaStream& stream) {
  const PairMemory memory = pair_memory(p, stream);
  const SortedPairs pairs = sort_pairs(p, stream);
  const unsigned max_tiles = blocks(max_pair_tiles(p), 1);
  round_hopper<W>(memory.x, p.x, int64_t{p.num_tokens} * p.hidden, stream);
  hw::launch("moe_experts", moe_hopper_gate_up_kernel<W>,
             {.x = max_tiles, .y = blocks(p.intermediate, kHalfRows), .early = true},
             kHopperThreads, kSharedBytes<W>, stream.queue, memory.act,
             static_cast<const uint16_t*>(memory.x), pairs, p);
  hw::launch("moe_experts", moe_hopper_down_kernel<W>,
             {.x = max_tiles, .y = blocks(p.hidden, 2 * kHalfRows), .early = true}, kHopperThreads,
             R<W>::kSharedBytes, stream.queue, memory.rows,
             static_cast<const uint16_t*>(memory.act), pairs, p);
  combine_pairs(memory.rows, p, stream);
}

template void moe_hopper<Bf16>(const MoeProblem&, CudaStream&);
template void moe_hopper<Int8>(const MoeProblem&, CudaStream&);

}  // namespace conclave::cuda

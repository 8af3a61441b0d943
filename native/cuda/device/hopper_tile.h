#pragma once
// A block's tile of a product on Hopper: kRows rows of weights × kTokens tokens. One warp produces:
// it fills a ring of stages; two warpgroups consume, each 64 rows of weights.
//   stage   weights (kRows, 64 values of k), tokens (kTokens, the same): rows of 128 bytes,
//           swizzled as tma_load does
//   full    an mbarrier a stage: what the producer brings has landed
//   empty   an mbarrier a stage: each of the eight consuming warps has read it
// k runs from the front in steps of 64 in one accumulator: not the order of device/fragments.h, so
// these kernels are for streams that need not be batch-invariant.
#include "cuda/device/hopper.h"

namespace conclave::cuda {

constexpr int kConsumers = 256, kConsumerWarps = kConsumers / 32;
constexpr int kHopperThreads = kConsumers + 32;
constexpr int kHopperStep = 64;  // values of k in a stage

template <int kRows, int kTokens, int kStages>
struct Ring {
  static constexpr int kRowBytes = kHopperStep * 2;
  static constexpr int kWeightBytes = kRows * kRowBytes, kTokenBytes = kTokens * kRowBytes;
  static constexpr int kStageBytes = kWeightBytes + kTokenBytes;
  // The barriers lie behind the stages; whole atoms keep the start of shared memory on 1024 bytes.
  static constexpr int kSharedBytes = kStages * kStageBytes + 1024;
  static_assert(2 * kStages * sizeof(uint64_t) <= 1024);

  __device__ __forceinline__ static char* weights(int stage) {
    return hw::shared<char>() + stage * kStageBytes;
  }
  __device__ __forceinline__ static char* tokens(int stage) {
    return weights(stage) + kWeightBytes;
  }
  __device__ __forceinline__ static uint64_t* full(int stage) {
    return hw::shared<uint64_t>() + kStages * kStageBytes / 8 + stage;
  }
  __device__ __forceinline__ static uint64_t* empty(int stage) { return full(stage) + kStages; }

  // By the whole block, before anything else. `producers`: arrivals that fill a stage.
  __device__ __forceinline__ static void init(int producers) {
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; stage++) {
        hw::mbarrier_init(full(stage), producers);
        hw::mbarrier_init(empty(stage), kConsumerWarps);
      }
      hw::fence_async_proxy();
    }
    hw::sync_block();
  }
};

// The same in all lanes, as the compiler must know: it serialises wgmma on paths that may diverge.
__device__ __forceinline__ int uniform_warp() {
  return hw::shfl(static_cast<int>(threadIdx.x) / 32, 0);
}

// Where the producer or a consumer stands in the ring.
template <int kStages>
struct RingPlace {
  int stage = 0, parity = 0;
  __device__ __forceinline__ void next() {
    if (++stage < kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

// The four instructions of a stage: `a` and `b` describe its rows.
template <int kTokens>
__device__ __forceinline__ void multiply_hopper_step(float (&sums)[kTokens / 2], uint64_t a,
                                                     uint64_t b) {
#pragma unroll
  for (int i = 0; i < kHopperStep / 16; i++)
    hw::wgmma<kTokens>(sums, hw::descriptor_step(a, 32 * i), hw::descriptor_step(b, 32 * i));
}

// This warpgroup's 64 rows of the tile, over all steps; sums is zero before. The products of a step
// run while the next one is waited for.
template <int kRows, int kTokens, int kStages>
__device__ __forceinline__ void consume_ring(float (&sums)[kTokens / 2], int num_steps) {
  using R = Ring<kRows, kTokens, kStages>;
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;
  const bool first_lane = threadIdx.x % 32 == 0;
  RingPlace<kStages> place;
  int last = 0;
  for (int step = 0; step < num_steps; step++) {
    hw::mbarrier_wait(R::full(place.stage), place.parity);
    const char* weights = R::weights(place.stage) + warpgroup * 64 * R::kRowBytes;
    hw::wgmma_fence();
    multiply_hopper_step<kTokens>(sums, hw::matrix_descriptor(weights),
                                  hw::matrix_descriptor(R::tokens(place.stage)));
    hw::wgmma_commit();
    hw::wgmma_wait<1>();
    if (step > 0 && first_lane) hw::mbarrier_arrive(R::empty(last));
    last = place.stage;
    place.next();
  }
  hw::wgmma_wait<0>();
  hw::settle(sums);
}

// Calls use(row in the tile, token in the tile, index) for each of this thread's sums.
template <int kTokens, class Use>
__device__ __forceinline__ void for_each_hopper_sum(Use use) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int i = 0; i < kTokens / 2; i++)
    use(warp * 16 + lane / 4 + 8 * (i % 4 / 2), i / 4 * 8 + lane % 4 * 2 + i % 2, i);
}

}  // namespace conclave::cuda

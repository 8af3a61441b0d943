// matmul of bf16 on Hopper: TMA fills the ring of device/hopper_tile.h, wgmma empties it. A tile is
// 128 rows of weights × 128 tokens; edges arrive as zeros and are not stored.
#include "cuda/device/hopper_tile.h"
#include "cuda/matmul.h"
#include "cuda/round_rows.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

namespace {

constexpr int kRows = 128, kTokens = 128, kStages = 5;
using R = Ring<kRows, kTokens, kStages>;
// From here on a tile of tokens is at least half full.
constexpr int kLeastTokens = kTokens / 2;

__device__ __forceinline__ void produce(const TensorMap* weights, const TensorMap* tokens,
                                        int first_row, int first_token, int num_steps) {
  RingPlace<kStages> place;
  for (int step = 0; step < num_steps; step++) {
    hw::mbarrier_wait(R::empty(place.stage), place.parity ^ 1);
    uint64_t* full = R::full(place.stage);
    hw::mbarrier_arrive_expect(full, R::kStageBytes);
    hw::tma_load(R::weights(place.stage), weights, step * kHopperStep, first_row, full);
    hw::tma_load(R::tokens(place.stage), tokens, step * kHopperStep, first_token, full);
    place.next();
  }
}

// Neighbouring blocks share their rows of weights, which then come from the second-level cache.
__global__ void __launch_bounds__(kHopperThreads)
    matmul_hopper_kernel(Product p, CONCLAVE_MAP_PARAMETER weights, CONCLAVE_MAP_PARAMETER tokens) {
  R::init(1);
  hw::wait_for_kernels_before();
  const int first_token = static_cast<int>(blockIdx.x) * kTokens;
  const int first_row = static_cast<int>(blockIdx.y) * kRows;
  const int num_steps = (p.in + kHopperStep - 1) / kHopperStep;
  if (uniform_warp() == kConsumerWarps) {
    if (threadIdx.x == kConsumers) produce(&weights, &tokens, first_row, first_token, num_steps);
    return;
  }
  float sums[kTokens / 2] = {};
  consume_ring<kRows, kTokens, kStages>(sums, num_steps);
  for_each_hopper_sum<kTokens>([&](int row, int token, int i) {
    if (first_row + row < p.out && first_token + token < p.num_tokens)
      store(p, first_token + token, first_row + row, sums[i]);
  });
}

}  // namespace

bool matmul_hopper(const Product& p, Bf16, CudaStream& stream) {
  if (!stream.is_hopper || stream.deterministic || p.num_tokens < kLeastTokens) return false;
  auto* rounded = static_cast<uint16_t*>(stream.scratch(0, rounded_bytes(p.num_tokens, p.in)));
  round_rows<Bf16>(rounded, p.x, int64_t{p.num_tokens} * p.in, stream);
  hw::launch("matmul", matmul_hopper_kernel,
             {.x = blocks(p.num_tokens, kTokens), .y = blocks(p.out, kRows), .early = true},
             kHopperThreads, R::kSharedBytes, stream.queue, p,
             make_tensor_map(p.w, 2, p.out, p.in, kRows),
             make_tensor_map(rounded, 2, p.num_tokens, p.in, kTokens));
  return true;
}

}  // namespace conclave::cuda

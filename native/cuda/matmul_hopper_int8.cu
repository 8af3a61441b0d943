// matmul of int8 on Hopper: TMA fills the ring of device/hopper_int8.h, whose warpgroups widen the
// weights into registers. A tile is 128 rows of weights × 64 tokens; edges arrive as zeros and are
// not stored.
#include "cuda/device/hopper_int8.h"
#include "cuda/matmul.h"
#include "cuda/round_hopper.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

namespace {

using R = Int8Ring;
// From here on a tile of tokens is at least half full.
constexpr int kLeastTokens = kInt8Tokens / 2;

__device__ __forceinline__ void produce(const TensorMap* weights, const TensorMap* tokens,
                                        int first_row, int first_token, int num_steps) {
  RingPlace<kInt8Stages> place;
  for (int step = 0; step < num_steps; step++) {
    hw::mbarrier_wait(R::empty(place.stage), place.parity ^ 1);
    uint64_t* full = R::full(place.stage);
    hw::mbarrier_arrive_expect(full, R::kStageBytes);
    hw::tma_load(R::weights(place.stage), weights, step * kInt8Depth, first_row, full);
    for (int part = 0; part < kInt8Parts; part++)
      hw::tma_load(R::tokens(place.stage) + part * kInt8Tokens * R::kRowBytes, tokens,
                   step * kInt8Depth + part * kHopperStep, first_token, full);
    place.next();
  }
}

// Neighbouring blocks share their rows of weights, which then come from the second-level cache.
__global__ void __launch_bounds__(kHopperThreads)
    matmul_hopper_int8_kernel(Product p, CONCLAVE_MAP_PARAMETER weights,
                              CONCLAVE_MAP_PARAMETER tokens) {
  R::init(1);
  hw::wait_for_kernels_before();
  const int first_token = static_cast<int>(blockIdx.x) * kInt8Tokens;
  const int first_row = static_cast<int>(blockIdx.y) * kInt8Rows;
  const int thread = static_cast<int>(threadIdx.x);
  if (uniform_warp() == kConsumerWarps) {
    const int num_steps = (p.in + kInt8Depth - 1) / kInt8Depth;
    if (thread == kConsumers) produce(&weights, &tokens, first_row, first_token, num_steps);
    return;
  }
  const int row = first_row + thread / 32 * 16 + thread % 32 / 4;
  Int8Sums sums = {};
  consume_int8(sums, lane_scales(p.scales, row, p.out, p.in), p.in);
  for_each_hopper_sum<kInt8Tokens>([&](int r, int token, int i) {
    if (first_row + r < p.out && first_token + token < p.num_tokens)
      store(p, first_token + token, first_row + r, sums[i]);
  });
}

}  // namespace

bool matmul_hopper(const Product& p, Int8, CudaStream& stream) {
  if (!stream.is_hopper || stream.deterministic || p.num_tokens < kLeastTokens) return false;
  auto* rounded = static_cast<uint16_t*>(stream.scratch(0, rounded_bytes(p.num_tokens, p.in)));
  round_hopper<Int8>(rounded, p.x, int64_t{p.num_tokens} * p.in, stream);
  hw::launch("matmul", matmul_hopper_int8_kernel,
             {.x = blocks(p.num_tokens, kInt8Tokens), .y = blocks(p.out, kInt8Rows), .early = true},
             kHopperThreads, R::kSharedBytes, stream.queue, p,
             make_tensor_map(p.w, 1, p.out, p.in, kInt8Rows),
             make_tensor_map(rounded, 2, p.num_tokens, p.in, kInt8Tokens));
  return true;
}

}  // namespace conclave::cuda

// Mistakes that kernels of Hopper make: a product of 128 rows of weights and 64 tokens, weights by
// TMA, tokens gathered by the producing warp with ordinary asynchronous copies.
#include "cuda/device/hopper.h"
#include "faults.h"

namespace conclave::test {

namespace {

enum class Plant {
  nothing,
  no_full_wait,
  no_empty_wait,
  no_wgmma_wait,
  no_wgmma_fence,
  too_few_bytes,
  too_many_bytes,
  wrong_count,
  wrong_parity,
  no_proxy_fence,
  unfenced_barriers,
  divergence,
  released_too_early,
};

constexpr int kRows = 128, kTokens = 64, kDepth = 512, kStep = 64, kSteps = kDepth / kStep;
constexpr int kStages = 2, kRowBytes = kStep * 2, kConsumers = 256, kThreads = kConsumers + 32;
constexpr int kWeightBytes = kRows * kRowBytes, kStageBytes = kWeightBytes + kTokens * kRowBytes;
constexpr int kSharedBytes = kStages * kStageBytes + 1024;

char* stage_at(int step) { return hw::shared<char>() + step % kStages * kStageBytes; }
uint64_t* full(int step) {
  return hw::shared<uint64_t>() + kStages * kStageBytes / 8 + step % kStages;
}
uint64_t* empty(int step) { return full(step) + kStages; }
int parity(int step) { return step / kStages % 2; }

void produce(const cuda::TensorMap& weights, const uint16_t* tokens, Plant plant) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int step = 0; step < kSteps; step++) {
    char* stage = stage_at(step);
    if (plant != Plant::no_empty_wait) hw::mbarrier_wait(empty(step), parity(step) ^ 1);
    if (lane == 0) {
      const int wrong = plant == Plant::too_few_bytes    ? -16
                        : plant == Plant::too_many_bytes ? 16
                                                         : 0;
      hw::mbarrier_arrive_expect(full(step), kWeightBytes + wrong);
      hw::tma_load(stage, &weights, step * kStep, 0, full(step));
    }
    for (int i = lane; i < kTokens * 8; i += 32) {
      const int row = i / 8, piece = i % 8;
      hw::cp_async16(stage + kWeightBytes + row * kRowBytes + (piece ^ (row % 8)) * 16,
                     tokens + row * kDepth + step * kStep + piece * 8, 16);
    }
    hw::cp_async_commit();
    hw::cp_async_wait<0>();
    if (plant != Plant::no_proxy_fence) hw::fence_async_proxy();
    hw::mbarrier_arrive(full(step));
  }
}

void consume(float* y, Plant plant) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  float sums[kTokens / 2] = {};
  for (int step = 0; step < kSteps; step++) {
    const int wrong = plant == Plant::wrong_parity ? 1 : 0;
    if (plant != Plant::no_full_wait) hw::mbarrier_wait(full(step), parity(step) ^ wrong);
    if (plant != Plant::no_wgmma_fence) hw::wgmma_fence();
    const uint64_t a = hw::matrix_descriptor(stage_at(step) + warp / 4 * 64 * kRowBytes);
    const uint64_t b = hw::matrix_descriptor(stage_at(step) + kWeightBytes);
    for (int i = 0; i < kStep / 16; i++)
      hw::wgmma<kTokens>(sums, hw::descriptor_step(a, 32 * i), hw::descriptor_step(b, 32 * i));
    if (plant == Plant::divergence && warp % 4 == 3) hw::wgmma_commit();
    else hw::wgmma_commit();
    if (plant == Plant::released_too_early && lane == 0) hw::mbarrier_arrive(empty(step));
    if (plant != Plant::no_wgmma_wait) hw::wgmma_wait<0>();
    if (plant != Plant::released_too_early && lane == 0) hw::mbarrier_arrive(empty(step));
  }
  for (int i = 0; i < kTokens / 2; i++) {
    const int row = warp * 16 + lane / 4 + 8 * (i % 4 / 2);
    y[(i / 4 * 8 + lane % 4 * 2 + i % 2) * kRows + row] = sums[i];
  }
}

void product(float* y, const cuda::TensorMap& weights, const uint16_t* tokens, Plant plant) {
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; stage++) {
      hw::mbarrier_init(full(stage), 33);
      hw::mbarrier_init(empty(stage), plant == Plant::wrong_count ? 9 : 8);
    }
    if (plant != Plant::unfenced_barriers) hw::fence_async_proxy();
  }
  hw::sync_block();
  if (threadIdx.x >= kConsumers) produce(weights, tokens, plant);
  else consume(y, plant);
}

// Whole numbers: sums are exact.
float weight_at(int row, int k) { return static_cast<float>((row * 7 + k * 3) % 13 - 6); }
float token_at(int token, int k) { return static_cast<float>((token * 5 + k) % 11 - 5); }

bool is_right(Plant plant) {
  Buffer<uint16_t> weights(kRows * kDepth), tokens(kTokens * kDepth);
  Buffer<float> y(kTokens * kRows);
  for (int i = 0; i < kRows * kDepth; i++)
    weights.data[i] = hw::to_bf16(weight_at(i / kDepth, i % kDepth));
  for (int i = 0; i < kTokens * kDepth; i++)
    tokens.data[i] = hw::to_bf16(token_at(i / kDepth, i % kDepth));
  const cuda::TensorMap map = cuda::make_tensor_map(weights.data, 2, kRows, kDepth, kRows);
  run_block("product", kThreads, kSharedBytes, [&] { product(y.data, map, tokens.data, plant); });
  for (int t = 0; t < kTokens; t++) {
    for (int r = 0; r < kRows; r++) {
      float want = 0;
      for (int k = 0; k < kDepth; k++) want += weight_at(r, k) * token_at(t, k);
      if (y.data[t * kRows + r] != want) return false;
    }
  }
  return true;
}

struct Mistake {
  const char* name;
  Plant plant;
  int how;
};

constexpr Mistake kMistakes[] = {
    {"a stage read before it is full", Plant::no_full_wait, kFault},
    {"a stage refilled before it is empty", Plant::no_empty_wait, kFault},
    {"a stage given back while wgmma reads it", Plant::released_too_early, kWrong},
    {"accumulators read before wgmma is done", Plant::no_wgmma_wait, kWrong},
    {"registers not given over by a fence", Plant::no_wgmma_fence, kFault},
    {"fewer bytes announced than land", Plant::too_few_bytes, kFault},
    {"more bytes announced than land", Plant::too_many_bytes, kFault},
    {"an mbarrier of the wrong count", Plant::wrong_count, kFault},
    {"the wrong parity", Plant::wrong_parity, kFault},
    {"stores not fenced to the asynchronous proxy", Plant::no_proxy_fence, kWrong},
    {"mbarriers not fenced to the asynchronous proxy", Plant::unfenced_barriers, kFault},
    {"warps of a warpgroup that diverge", Plant::divergence, kFault},
};

}  // namespace

void test_hopper_faults() {
  check_sound("no fault planted, on Hopper", [] { return is_right(Plant::nothing); });
  for (const Mistake& mistake : kMistakes)
    check_seen(
        mistake.name, [&] { return is_right(mistake.plant); }, mistake.how);
}

}  // namespace conclave::test

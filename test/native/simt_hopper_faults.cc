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

// ---- int8 weights widened into the first operand's registers: 64 rows, 64 tokens, 64 columns of
// which each 32 share a scale.

enum class Registers { nothing, refilled_too_early, read_too_early, no_fence };

constexpr int kWarpgroup = 128, kWidth = 64, kGroupSums = kTokens / 2;

int8_t byte_at(int row, int k) { return static_cast<int8_t>((row * 11 + k * 5) % 255 - 127); }
float scale_at(int row, int group) { return static_cast<float>(1 << ((row + group) % 3)); }

// Columns 16·i … of rows g and g + 8 of the warp, as bf16.
void widen(uint32_t (&a)[4], int i) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (int r = 0; r < 4; r++) {
    const int row = warp * 16 + lane / 4 + r % 2 * 8, k = 16 * i + lane % 4 * 2 + r / 2 * 8;
    a[r] = hw::pack_bf16(byte_at(row, k), byte_at(row, k + 1));
  }
}

void ask(float (&group)[kGroupSums], uint32_t (&a)[2][4], uint64_t tokens, int j, bool fenced) {
  widen(a[0], 2 * j);
  widen(a[1], 2 * j + 1);
  if (fenced) hw::wgmma_fence();
  hw::wgmma<kTokens, true>(group, a[0], hw::descriptor_step(tokens, 64 * j));
  hw::wgmma<kTokens>(group, a[1], hw::descriptor_step(tokens, 64 * j + 32));
  hw::wgmma_commit();
}

void product_from_registers(float* y, const uint16_t* tokens, Registers plant) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  char* shared = hw::shared<char>();
  for (int i = thread; i < kTokens * 8; i += kWarpgroup) {
    const int row = i / 8, piece = i % 8;
    *reinterpret_cast<uint4*>(shared + row * kRowBytes + (piece ^ (row % 8)) * 16) =
        hw::load16(tokens + row * kWidth + piece * 8);
  }
  hw::fence_async_proxy();
  hw::sync_block();
  const uint64_t b = hw::matrix_descriptor(shared);
  const bool fenced = plant != Registers::no_fence;
  float sums[kGroupSums] = {}, group[2][kGroupSums];
  uint32_t a[2][2][4];
  const auto add = [&](int j) {
    for (int i = 0; i < kGroupSums; i++)
      sums[i] += group[j][i] * scale_at(warp * 16 + lane / 4 + 8 * (i % 4 / 2), j);
  };
  ask(group[0], a[0], b, 0, fenced);
  if (plant == Registers::read_too_early) add(0);
  ask(group[1], a[plant == Registers::refilled_too_early ? 0 : 1], b, 1, fenced);
  hw::wgmma_wait<1>();
  if (plant != Registers::read_too_early) add(0);
  hw::wgmma_wait<0>();
  add(1);
  for (int i = 0; i < kGroupSums; i++)
    y[(i / 4 * 8 + lane % 4 * 2 + i % 2) * 64 + warp * 16 + lane / 4 + 8 * (i % 4 / 2)] = sums[i];
}

bool is_right_from_registers(Registers plant) {
  Buffer<uint16_t> tokens(kTokens * kWidth);
  Buffer<float> y(kTokens * 64);
  for (int i = 0; i < kTokens * kWidth; i++)
    tokens.data[i] = hw::to_bf16(token_at(i / kWidth, i % kWidth));
  run_block("from registers", kWarpgroup, kTokens * kRowBytes,
            [&] { product_from_registers(y.data, tokens.data, plant); });
  for (int t = 0; t < kTokens; t++) {
    for (int r = 0; r < 64; r++) {
      float want = 0;
      for (int k = 0; k < kWidth; k++)
        want += static_cast<float>(byte_at(r, k)) * token_at(t, k) * scale_at(r, k / 32);
      if (y.data[t * 64 + r] != want) return false;
    }
  }
  return true;
}

constexpr Mistake<Registers> kRegisterMistakes[] = {
    {"registers refilled while wgmma reads them", Registers::refilled_too_early, kWrong},
    {"a group read before its wgmma is done", Registers::read_too_early, kWrong},
    {"a group's registers not given over by a fence", Registers::no_fence, kFault},
};

constexpr Mistake<Plant> kMistakes[] = {
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
  check_mistakes("no fault planted, on Hopper", is_right, kMistakes);
  check_mistakes("no fault planted, from registers", is_right_from_registers, kRegisterMistakes);
}

}  // namespace conclave::test

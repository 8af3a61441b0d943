// Mistakes that attention on Hopper makes: bytes by bulk copy, widened into rows of 32 bytes that a
// warpgroup multiplies by from registers; and blocks of which the last one merges what all have
// left.
#include "cuda/device/fragments.h"
#include "cuda/device/hopper.h"
#include "faults.h"
#include "simt/block.h"

namespace conclave::test {

namespace {

enum class Plant {
  nothing,
  no_full_wait,
  no_empty_wait,
  too_few_bytes,
  odd_bytes,
  no_proxy_fence,
  not_swizzled,
  read_as_wide,
  half_takes_registers,
};

// O (64 × 64) = P (64 × 32) V: two steps of 16 positions, one stage.
constexpr int kConsumers = 128, kThreads = kConsumers + 128, kDim = 64, kSteps = 2, kDepth = 16;
constexpr int kRawBytes = kDim * kDepth, kTileBytes = 2 * kRawBytes;
constexpr int kSharedBytes = kTileBytes + kRawBytes + 1024;

char* raw() { return hw::shared<char>() + kTileBytes; }
uint64_t* barrier(int i) { return hw::shared<uint64_t>() + (kTileBytes + kRawBytes) / 8 + i; }
uint64_t* raw_full() { return barrier(0); }
uint64_t* full() { return barrier(1); }
uint64_t* empty() { return barrier(2); }

void produce(const int8_t* values, Plant plant) {
  const int thread = static_cast<int>(threadIdx.x) - kConsumers;
  for (int step = 0; step < kSteps; step++) {
    if (plant != Plant::no_empty_wait) hw::mbarrier_wait(empty(), step % 2 ^ 1);
    if (thread == 0) {
      const int bytes = plant == Plant::odd_bytes ? kRawBytes - 8 : kRawBytes;
      hw::mbarrier_arrive_expect(raw_full(), bytes - (plant == Plant::too_few_bytes ? 16 : 0));
      hw::bulk_load(raw(), values + step * kRawBytes, bytes, raw_full());
    }
    if (plant != Plant::no_full_wait) hw::mbarrier_wait(raw_full(), step % 2);
    const int d = thread / 2, half = thread % 2;
    const uint2 bytes = hw::load8(raw() + thread * 8);
    uint32_t even[2], odd[2];
    cuda::widen_int8(even[0], odd[0], bytes.x);
    cuda::widen_int8(even[1], odd[1], bytes.y);
    const int place = plant == Plant::not_swizzled ? half : half ^ d / 4 % 2;
    *reinterpret_cast<uint4*>(hw::shared<char>() + d * 32 + place * 16) = {
        (even[0] & 0xffffu) | odd[0] << 16, even[0] >> 16 | (odd[0] & 0xffff0000u),
        (even[1] & 0xffffu) | odd[1] << 16, even[1] >> 16 | (odd[1] & 0xffff0000u)};
    if (plant != Plant::no_proxy_fence) hw::fence_async_proxy();
    hw::named_barrier(1, 128);
    if (thread == 0) hw::mbarrier_arrive(full());
  }
}

float p_at(int row, int k) { return static_cast<float>((row * 5 + k * 3) % 11 - 5); }
int8_t value_at(int d, int k) { return static_cast<int8_t>((d * 29 + k * 17) % 255 - 127); }

void consume(float* y, Plant plant) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  if (plant != Plant::half_takes_registers || warp < 2) hw::take_registers<200>();
  float sums[kDim / 2] = {};
  for (int step = 0; step < kSteps; step++) {
    uint32_t a[4];
    for (int r = 0; r < 4; r++) {
      const int row = warp * 16 + lane / 4 + r % 2 * 8;
      const int k = step * kDepth + lane % 4 * 2 + r / 2 * 8;
      a[r] = hw::pack_bf16(p_at(row, k), p_at(row, k + 1));
    }
    hw::mbarrier_wait(full(), step % 2);
    const uint64_t b = plant == Plant::read_as_wide ? hw::matrix_descriptor(hw::shared<char>())
                                                    : hw::matrix_descriptor<32>(hw::shared<char>());
    hw::wgmma_fence();
    hw::wgmma<kDim>(sums, a, b);
    hw::wgmma_commit();
    hw::wgmma_wait<0>();
    if (lane == 0) hw::mbarrier_arrive(empty());
  }
  for (int i = 0; i < kDim / 2; i++)
    y[(warp * 16 + lane / 4 + 8 * (i % 4 / 2)) * kDim + i / 4 * 8 + lane % 4 * 2 + i % 2] = sums[i];
}

void product(float* y, const int8_t* values, Plant plant) {
  if (threadIdx.x == 0) {
    hw::mbarrier_init(raw_full(), 1);
    hw::mbarrier_init(full(), 1);
    hw::mbarrier_init(empty(), kConsumers / 32);
    hw::fence_async_proxy();
  }
  hw::sync_block();
  if (threadIdx.x < kConsumers) return consume(y, plant);
  hw::give_registers<56>();
  produce(values, plant);
}

bool is_right(Plant plant) {
  Buffer<int8_t> values(kSteps * kRawBytes);
  Buffer<float> y(64 * kDim);
  for (int i = 0; i < kSteps * kRawBytes; i++)
    values.data[i] = value_at(i / kDepth % kDim, i / kRawBytes * kDepth + i % kDepth);
  run_block("widened", kThreads, kSharedBytes, [&] { product(y.data, values.data, plant); });
  for (int row = 0; row < 64; row++) {
    for (int d = 0; d < kDim; d++) {
      float want = 0;
      for (int k = 0; k < kSteps * kDepth; k++)
        want += p_at(row, k) * static_cast<float>(value_at(d, k));
      if (y.data[row * kDim + d] != want) return false;
    }
  }
  return true;
}

// ---- the last of four blocks sums what each has left

enum class Ticket { nothing, merged_too_early, not_given_back, counted_twice };

constexpr int kBlocks = 4;

void sum_of_blocks(float* y, float* parts, int* tickets, const float* x, Ticket plant) {
  const int i = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x);
  int* done = hw::shared<int>();
  parts[block * 32 + i] = 2 * x[block * 32 + i];
  hw::sync_block();
  if (i == 0) {
    hw::fence_device();
    *done = hw::atomic_add(tickets, plant == Ticket::counted_twice ? 2 : 1) + 1;
    hw::fence_device();
  }
  hw::sync_block();
  if (*done != kBlocks - (plant == Ticket::merged_too_early ? 1 : 0)) return;
  float sum = 0;
  for (int b = 0; b < kBlocks; b++) sum += parts[b * 32 + i];
  y[i] = sum;
  if (i == 0 && plant != Ticket::not_given_back) *tickets = 0;
}

// Twice: counters must be as they were.
bool is_right_by_blocks(Ticket plant) {
  Buffer<float> x(kBlocks * 32), parts(kBlocks * 32), y(32);
  Buffer<int> tickets(1);
  for (int i = 0; i < kBlocks * 32; i++) x.data[i] = static_cast<float>(i);
  tickets.data[0] = 0;
  for (int launch = 0; launch < 2; launch++) {
    for (int i = 0; i < kBlocks * 32; i++) parts.data[i] = NAN;
    for (int i = 0; i < 32; i++) y.data[i] = NAN;
    simt::run_grid(
        "sum_of_blocks", [&] { sum_of_blocks(y.data, parts.data, tickets.data, x.data, plant); },
        {kBlocks, 1, 1}, {32, 1, 1}, 128);
    for (int i = 0; i < 32; i++) {
      if (y.data[i] != static_cast<float>(2 * (4 * i + 32 * 6))) return false;
    }
  }
  return true;
}

// ---- a kernel that starts before the one in front of it has ended

enum class Early { nothing, no_wait, read_before_wait, half_waits, lets_next_start_too_early };

// Each block: y[i] = a[i] + b[63 − i]: a was there before, b is what the kernel in front writes.
void early_sum(float* y, const float* a, const float* b, Early plant) {
  const int i = static_cast<int>(threadIdx.x);
  float other = plant == Early::read_before_wait ? b[63 - i] : 0.0f;
  const float mine = a[i];
  if (plant == Early::lets_next_start_too_early) hw::let_next_kernel_start();
  if (plant != Early::no_wait && (plant != Early::half_waits || i < 32))
    hw::wait_for_kernels_before();
  hw::let_next_kernel_start();
  if (plant != Early::read_before_wait) other = b[63 - i];
  y[blockIdx.x * 64 + threadIdx.x] = mine + other;
}

bool is_right_early(Early plant) {
  Buffer<float> a(64), b(64), y(128);
  for (int i = 0; i < 64; i++) a.data[i] = static_cast<float>(i), b.data[i] = NAN;
  simt::Before first = [&] {
    run_block("first", 64, 0, [&] {
      hw::let_next_kernel_start();
      b.data[threadIdx.x] = static_cast<float>(3 * threadIdx.x);
    });
  };
  simt::run_grid(
      "second", [&] { early_sum(y.data, a.data, b.data, plant); }, {2, 1, 1}, {64, 1, 1}, 0,
      &first);
  for (int i = 0; i < 128; i++) {
    if (y.data[i] != static_cast<float>(i % 64 + 3 * (63 - i % 64))) return false;
  }
  return true;
}

constexpr Mistake<Plant> kMistakes[] = {
    {"bytes of a bulk copy read before they are there", Plant::no_full_wait, kWrong},
    {"a tile widened over while wgmma reads it", Plant::no_empty_wait, kWrong},
    {"fewer bytes announced than a bulk copy brings", Plant::too_few_bytes, kFault},
    {"a bulk copy of bytes that are no multiple of 16", Plant::odd_bytes, kFault},
    {"widened values not fenced to the asynchronous proxy", Plant::no_proxy_fence, kWrong},
    {"rows of 32 bytes not swizzled", Plant::not_swizzled, kWrong},
    {"rows of 32 bytes described as rows of 128", Plant::read_as_wide, kFault},
    {"registers taken by half of a warpgroup", Plant::half_takes_registers, kFault},
};

constexpr Mistake<Ticket> kTicketMistakes[] = {
    {"parts merged before the last one is there", Ticket::merged_too_early, kWrong},
    {"a counter not given back as zero", Ticket::not_given_back, kWrong},
    {"a part counted twice", Ticket::counted_twice, kWrong},
};

constexpr Mistake<Early> kEarlyMistakes[] = {
    {"no wait for the kernel in front", Early::no_wait, kFault},
    {"what the kernel in front writes read before the wait", Early::read_before_wait, kWrong},
    {"half of the threads wait for the kernel in front", Early::half_waits, kFault},
    {"the next kernel let start before the wait", Early::lets_next_start_too_early, kFault},
};

}  // namespace

void test_attention_faults() {
  check_mistakes("no fault planted, widened", is_right, kMistakes);
  check_mistakes("no fault planted, by blocks", is_right_by_blocks, kTicketMistakes);
  check_mistakes("no fault planted, early", is_right_early, kEarlyMistakes);
}

}  // namespace conclave::test

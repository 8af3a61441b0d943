// Mistakes that kernels make, planted one at a time: the harness must see each of them, in some
// order of threads or of copies, and must see none in the same kernel without it.
#include <cstdio>
#include <string>

#include "cuda/device/hw.h"
#include "faults.h"
#include "harness.h"

namespace conclave {

namespace {

enum class Plant {
  nothing,
  no_wait,
  too_few_waited,
  no_meeting_before_refill,
  no_meeting_after_write,
  half_a_barrier,
  wrong_count,
  swapped_rows,
  shared_overrun,
  no_tail_guard,
  divergence,
  misaligned,
  unwritten_shared,
};

constexpr int kThreads = 64, kStages = 3, kSteps = 8, kValues = 4 * kThreads;

// Sums kSteps rows of kValues floats through a ring that cp.async fills; each thread reads what its
// neighbour has copied.
void ring_sum(float* y, const float* x, Plant plant) {
  float* ring = hw::shared<float>();
  const int i = static_cast<int>(threadIdx.x), neighbour = (i + 33) % kThreads;
  auto copy = [&](int step) {
    if (step < kSteps)
      hw::cp_async16(ring + step % kStages * kValues + 4 * i, x + step * kValues + 4 * i, 16);
    hw::cp_async_commit();
  };
  for (int step = 0; step < kStages - 1; step++) copy(step);
  float sums[4] = {};
  for (int step = 0; step < kSteps; step++) {
    if (plant == Plant::too_few_waited) hw::cp_async_wait<kStages - 1>();
    else if (plant != Plant::no_wait) hw::cp_async_wait<kStages - 2>();
    if (plant != Plant::no_meeting_before_refill) hw::sync_block();
    copy(step + kStages - 1);
    for (int j = 0; j < 4; j++) sums[j] += ring[step % kStages * kValues + 4 * neighbour + j];
  }
  for (int j = 0; j < 4; j++) y[4 * neighbour + j] = sums[j];
}

// y[i] = x[i] + x[kThreads − 1 − i] by way of shared memory, with every kind of meeting.
void exchange(float* y, const float* x, int n, Plant plant) {
  float* shared = hw::shared<float>();
  const int i = static_cast<int>(threadIdx.x);
  const bool there = i < n || plant == Plant::no_tail_guard;
  const float mine = there ? x[i] : 0.0f;
  if (plant != Plant::unwritten_shared || i != 5) shared[i] = mine;
  if (plant == Plant::shared_overrun && i == kThreads - 1) shared[kThreads] = 1;
  if (plant == Plant::half_a_barrier && i >= 32) return;
  if (plant == Plant::wrong_count) hw::named_barrier(1, kThreads - 1);
  else if (plant != Plant::no_meeting_after_write) hw::sync_block();
  float other = shared[kThreads - 1 - i];
  if (plant == Plant::divergence && i % 2 == 0) other = hw::shfl_xor(other, 0);
  else other = hw::shfl_xor(other, 0);
  if (plant == Plant::misaligned) other += hw::float_of(hw::load16(shared + i % 4).x) * 0;
  if (i < n) y[i] = mine + other;
}

// y (16 × 8) = a (16 × 16) · b (16 × 8), a and b in whole numbers.
void fragment_product(float* y, const float* a, const float* b, Plant plant) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  auto pair = [&](int row, int k) { return hw::pack_bf16(a[row * 16 + k], a[row * 16 + k + 1]); };
  const int low = plant == Plant::swapped_rows ? g + 8 : g;
  const int high = plant == Plant::swapped_rows ? g : g + 8;
  const uint32_t ra[4] = {pair(low, 2 * t), pair(high, 2 * t), pair(low, 2 * t + 8),
                          pair(high, 2 * t + 8)};
  const uint32_t rb[2] = {hw::pack_bf16(b[2 * t * 8 + g], b[(2 * t + 1) * 8 + g]),
                          hw::pack_bf16(b[(2 * t + 8) * 8 + g], b[(2 * t + 9) * 8 + g])};
  float c[4] = {};
  hw::mma_bf16(c, ra, rb);
  for (int i = 0; i < 4; i++) y[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = c[i];
}

bool ring_is_right(Plant plant) {
  test::Buffer<float> x(kSteps * kValues), y(kValues);
  for (int i = 0; i < kSteps * kValues; i++) x.data[i] = static_cast<float>(i % 97);
  test::run_block("ring_sum", kThreads, kStages * kValues * 4,
                  [&] { ring_sum(y.data, x.data, plant); });
  for (int i = 0; i < kValues; i++) {
    float want = 0;
    for (int step = 0; step < kSteps; step++) want += x.data[step * kValues + i];
    if (y.data[i] != want) return false;
  }
  return true;
}

bool exchange_is_right(Plant plant) {
  constexpr int n = 60;
  test::Buffer<float> x(n), y(n);
  for (int i = 0; i < n; i++) x.data[i] = static_cast<float>(i);
  test::run_block("exchange", kThreads, kThreads * 4, [&] { exchange(y.data, x.data, n, plant); });
  for (int i = 0; i < n; i++) {
    const int other = kThreads - 1 - i;
    if (y.data[i] != static_cast<float>(i + (other < n ? other : 0))) return false;
  }
  return true;
}

bool product_is_right(Plant plant) {
  test::Buffer<float> a(256), b(128), y(128);
  for (int i = 0; i < 256; i++) a.data[i] = static_cast<float>(i % 13 - 6);
  for (int i = 0; i < 128; i++) b.data[i] = static_cast<float>(i % 7 - 3);
  test::run_block("fragment_product", 32, 0,
                  [&] { fragment_product(y.data, a.data, b.data, plant); });
  for (int i = 0; i < 128; i++) {
    float want = 0;
    for (int k = 0; k < 16; k++) want += a.data[i / 8 * 16 + k] * b.data[k * 8 + i % 8];
    if (y.data[i] != want) return false;
  }
  return true;
}

struct Fault {
  const char* name;
  bool (*is_right)(Plant);
  Plant plant;
  int how;  // it must be seen at least once like this
};

constexpr Fault kFaults[] = {
    {"an asynchronous copy that nobody waits for", ring_is_right, Plant::no_wait, test::kWrong},
    {"a wait that leaves one group too many", ring_is_right, Plant::too_few_waited, test::kWrong},
    {"a stage refilled while it is read", ring_is_right, Plant::no_meeting_before_refill,
     test::kWrong},
    {"no meeting between write and read", exchange_is_right, Plant::no_meeting_after_write,
     test::kWrong},
    {"a barrier that half of the block leaves out", exchange_is_right, Plant::half_a_barrier,
     test::kFault},
    {"a barrier of the wrong count", exchange_is_right, Plant::wrong_count, test::kFault},
    {"fragment rows swapped", product_is_right, Plant::swapped_rows, test::kWrong},
    {"a write behind shared memory", exchange_is_right, Plant::shared_overrun, test::kGuard},
    {"a read behind a tensor", exchange_is_right, Plant::no_tail_guard, test::kGuard},
    {"lanes that diverge at a shuffle", exchange_is_right, Plant::divergence, test::kFault},
    {"16 bytes from an unaligned address", exchange_is_right, Plant::misaligned, test::kFault},
    {"shared memory that nobody wrote", exchange_is_right, Plant::unwritten_shared, test::kWrong},
};

}  // namespace

}  // namespace conclave

int main() {
  using namespace conclave;
  for (bool (*is_right)(Plant) : {ring_is_right, exchange_is_right, product_is_right})
    test::check_sound("no fault planted", [=] { return is_right(Plant::nothing); });
  for (const Fault& fault : kFaults)
    test::check_seen(
        fault.name, [=] { return fault.is_right(fault.plant); }, fault.how);
  test::test_hopper_faults();
  test::test_attention_faults();
  std::printf("%d passed, %d failed, 0 skipped\n", test::passed(), test::failed());
  return test::failed() == 0 ? 0 : 1;
}

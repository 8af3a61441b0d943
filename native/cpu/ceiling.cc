#include "cpu/ceiling.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>

#include "core/error.h"
#include "cpu/plain.h"

namespace conclave::cpu {

uint64_t plain::probe_read(const void* data, int64_t bytes) {
  uint64_t sum = 0;
  for (int64_t i = 0; i + 8 <= bytes; i += 8) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(data) + i, 8);
    sum += word;
  }
  return sum;
}

int64_t plain::probe_flops(float* sink, int64_t rounds) {
  constexpr int kChains = 16;
  float sums[kChains] = {};
  for (int64_t i = 0; i < rounds; i++) {
    for (float& sum : sums) sum = sum * sink[0] + sink[0];
  }
  for (float sum : sums) sink[0] += sum;
  return rounds * kChains * 2;
}

namespace {

constexpr int64_t kReadBytes = int64_t{512} << 20, kReadTask = 1 << 20, kReadTasksPerTry = 96;
constexpr int64_t kRounds = 200'000;
// Tries are short and the best counts: what the machine can do, not what else it did.
constexpr int kTries = 60;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double measure_read(CpuStream& stream) {
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[kReadBytes]);
  if (!memory)
    throw Error("insufficient_memory", "Expected 512 MiB to measure the read bandwidth with.");
  std::memset(memory.get(), 1, kReadBytes);
  std::atomic<uint64_t> sum{0};
  double best = 0;
  for (int i = 0; i < kTries; i++) {
    const auto start = std::chrono::steady_clock::now();
    stream.pool.parallel_for(kReadTasksPerTry, [&](int64_t task, int) {
      const int64_t piece = (i * kReadTasksPerTry + task) % (kReadBytes / kReadTask);
      sum += stream.kernels.probe_read(memory.get() + piece * kReadTask, kReadTask);
    });
    best = std::max(
        best, static_cast<double>(kReadTasksPerTry * kReadTask) / seconds_since(start) * 1e-9);
  }
  return best;
}

double measure_flops(CpuStream& stream, int which) {
  double best = 0;
  for (int i = 0; i < kTries; i++) {
    std::atomic<int64_t> flops{0};
    const auto start = std::chrono::steady_clock::now();
    stream.pool.parallel_for(stream.pool.num_threads(), [&](int64_t, int) {
      alignas(64) float sink[16] = {};
      flops += stream.kernels.probe_flops[which](sink, kRounds);
    });
    best = std::max(best, static_cast<double>(flops) / seconds_since(start) * 1e-9);
  }
  return best;
}

}  // namespace

Ceilings measure_ceilings(CpuStream& stream) {
  return {measure_read(stream), measure_flops(stream, 0), measure_flops(stream, 1),
          measure_flops(stream, 2)};
}

}  // namespace conclave::cpu

#pragma once
// What a thread block finds in a row of values without a sort of it: sums, the value at a rank, the
// id at a sum. A measure gives each (id, value) a whole number, 0 for −Inf; sums of whole numbers
// have no order, so threads add in any.
#include "cuda/device/hw.h"
#include "cuda/scratch.h"
#include "ops/sample_math.h"

namespace conclave::cuda {

constexpr int kSearchThreads = 512, kSearchWarps = kSearchThreads / 32;
constexpr int kSearchBits = 11, kSearchBins = 1 << kSearchBits;
constexpr int kNoId = 0x7fffffff;

// Of hw::shared.
struct SearchMemory {
  uint64_t bins[kSearchBins];
  uint64_t warps[kSearchWarps];
  uint64_t found[2];
  uint32_t lowest[kSearchWarps];
  int count;
};

// Blocks of kSampleBlock values: those listed, in rising order; all where `listed` is null.
struct SearchedRow {
  const float* x;
  int n;
  const int32_t* listed;
  int num_blocks;
};

struct ExactProduct {
  __host__ __device__ __forceinline__ double operator()(double a, double b) const {
    return hw::mul(a, b);
  }
};

__device__ __forceinline__ uint64_t warp_total(uint64_t x) {
  for (int mask = 16; mask > 0; mask /= 2) x += hw::shfl_xor(x, mask);
  return x;
}

// The sum of the lanes up to this one.
__device__ __forceinline__ uint64_t warp_prefix(uint64_t x, int lane) {
  for (int step = 1; step < 32; step *= 2) {
    const uint64_t before = hw::shfl(x, lane - step);
    if (lane >= step) x += before;
  }
  return x;
}

// The sum of the threads before this one; `total` of all.
__device__ __forceinline__ uint64_t block_prefix(uint64_t* total, uint64_t x, SearchMemory& m) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const uint64_t up_to = warp_prefix(x, lane);
  if (lane == 31) m.warps[warp] = up_to;
  hw::sync_block();
  uint64_t before = 0, all = 0;
  for (int w = 0; w < kSearchWarps; w++) {
    if (w == warp) before = all;
    all += m.warps[w];
  }
  hw::sync_block();
  *total = all;
  return before + up_to - x;
}

// Calls f(place, id, value) with the values of each block of the row, 32 at a time, by a warp.
// Behind the end of the row a value is −Inf.
template <class F>
__device__ __forceinline__ void for_each_value(const SearchedRow& row, F f) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = static_cast<int>(threadIdx.x) / 32; i < row.num_blocks; i += kSearchWarps) {
    const int first = (row.listed == nullptr ? i : row.listed[i]) * kSampleBlock;
    for (int id = first + lane; id < first + kSampleBlock; id += 32)
      f(i, id, id < row.n ? row.x[id] : -INFINITY);
  }
}

// Lists the blocks that `wanted` is true for, of `num_blocks`.
template <class Wanted>
__device__ __forceinline__ int list_blocks(int32_t* listed, int num_blocks, Wanted wanted,
                                           SearchMemory& m) {
  int count = 0;
  for (int first = 0; first < num_blocks; first += kSearchThreads) {
    const int b = first + static_cast<int>(threadIdx.x);
    const bool yes = b < num_blocks && wanted(b);
    uint64_t found;
    const uint64_t before = block_prefix(&found, yes, m);
    if (yes) listed[count + static_cast<int>(before)] = b;
    count += static_cast<int>(found);
  }
  hw::sync_block();
  return count;
}

// The sum of a measure, and the lowest key of what it counts (that of +Inf where it counts
// nothing).
template <class Measure>
__device__ __forceinline__ uint64_t measure_all(uint32_t* lowest, const SearchedRow& row,
                                                Measure measure, SearchMemory& m) {
  uint64_t sum = 0;
  uint32_t low = ops::sort_key(INFINITY);
  for_each_value(row, [&](int, int id, float x) {
    const uint64_t counted = measure(id, x);
    sum += counted;
    if (counted > 0 && ops::sort_key(x) < low) low = ops::sort_key(x);
  });
  for (int mask = 16; mask > 0; mask /= 2) {
    const uint32_t other = hw::shfl_xor(low, mask);
    low = other < low ? other : low;
  }
  if (threadIdx.x % 32 == 0) m.lowest[threadIdx.x / 32] = low;
  uint64_t total;
  block_prefix(&total, sum, m);  // meets
  for (int w = 0; w < kSearchWarps; w++) low = m.lowest[w] < low ? m.lowest[w] : low;
  *lowest = low;
  hw::sync_block();
  return total;
}

// What `sums` holds: sum over the values of each block of the row.
template <class Measure>
__device__ __forceinline__ void sum_blocks(uint64_t* sums, const SearchedRow& row,
                                           Measure measure) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = static_cast<int>(threadIdx.x) / 32; i < row.num_blocks; i += kSearchWarps) {
    const int first = (row.listed == nullptr ? i : row.listed[i]) * kSampleBlock;
    uint64_t sum = 0;
    for (int id = first + lane; id < first + kSampleBlock; id += 32)
      sum += measure(id, id < row.n ? row.x[id] : -INFINITY);
    sum = warp_total(sum);
    if (lane == 0) sums[i] = sum;
  }
  hw::sync_block();
}

__device__ __forceinline__ uint64_t total_of(const uint64_t* sums, int count, SearchMemory& m) {
  uint64_t sum = 0, total;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kSearchThreads) sum += sums[i];
  block_prefix(&total, sum, m);
  return total;
}

// By rank: the key at which the measure of all values from the best down reaches `target`, and the
// measure above that key. Where all together do not reach it, the lowest key and 0.
struct Border {
  uint32_t key;
  uint64_t above;
};

// Keys lie between low and top; what is below low is not looked at. Radix selection of how far
// below `top` the border is, so that the bins are about evenly filled whatever the values are.
template <class Measure>
__device__ __forceinline__ Border find_border(const SearchedRow& row, Measure measure, uint32_t top,
                                              uint32_t low, uint64_t target, SearchMemory& m) {
  const uint32_t most = top - low;
  int bits = 0;
  while (bits < 32 && most >> bits != 0) bits++;
  uint64_t prefix = 0, above = 0;
  while (bits > 0) {
    const int taken = bits < kSearchBits ? bits : kSearchBits, shift = bits - taken;
    for (int i = static_cast<int>(threadIdx.x); i < kSearchBins; i += kSearchThreads) m.bins[i] = 0;
    hw::sync_block();
    for_each_value(row, [&](int, int id, float x) {
      const uint64_t counted = measure(id, x);
      const uint32_t below = top - ops::sort_key(x);
      if (counted > 0 && below <= most && uint64_t{below} >> bits == prefix)
        hw::add_shared(&m.bins[below >> shift & ((1u << taken) - 1)], counted);
    });
    hw::sync_block();
    constexpr int kOwn = kSearchBins / kSearchThreads;
    const int first = static_cast<int>(threadIdx.x) * kOwn;
    uint64_t own = 0, total;
    for (int i = 0; i < kOwn; i++) own += m.bins[first + i];
    uint64_t before = above + block_prefix(&total, own, m);
    if (above + total < target) return {low, 0};
    for (int i = 0; i < kOwn; i++) {
      const uint64_t after = before + m.bins[first + i];
      if (before < target && after >= target) {
        m.found[0] = static_cast<uint64_t>(first + i);
        m.found[1] = before;
      }
      before = after;
    }
    hw::sync_block();
    prefix = prefix << taken | m.found[0];
    above = m.found[1];
    bits = shift;
    hw::sync_block();
  }
  return {top - static_cast<uint32_t>(prefix), above};
}

// By id: the first with which the measure passes `target`, from the sums of the row's blocks; kNoId
// where all together do not.
template <class Measure>
__device__ __forceinline__ int find_id(const SearchedRow& row, Measure measure,
                                       const uint64_t* sums, uint64_t target, SearchMemory& m) {
  uint64_t before = 0;
  for (int base = 0; base < row.num_blocks && before <= target; base += kSearchThreads) {
    const int i = base + static_cast<int>(threadIdx.x);
    const uint64_t sum = i < row.num_blocks ? sums[i] : 0;
    uint64_t total;
    const uint64_t start = before + block_prefix(&total, sum, m);
    if (start <= target && target < start + sum) {
      m.found[0] = static_cast<uint64_t>(i);
      m.found[1] = target - start;
    }
    before += total;
  }
  if (before <= target) return kNoId;
  hw::sync_block();
  const int lane = static_cast<int>(threadIdx.x) % 32, place = static_cast<int>(m.found[0]);
  const int first = (row.listed == nullptr ? place : row.listed[place]) * kSampleBlock;
  uint64_t carried = 0;
  int found = kNoId;
  // Every warp finds the same.
  for (int half = 0; half < kSampleBlock; half += 32) {
    const int id = first + half + lane;
    const uint64_t up_to =
        carried + warp_prefix(measure(id, id < row.n ? row.x[id] : -INFINITY), lane);
    const uint32_t passed = hw::ballot(up_to > m.found[1]);
    if (passed != 0 && found == kNoId)
      found = first + half + hw::count_bits((passed & (0 - passed)) - 1);
    carried = hw::shfl(up_to, 31);
  }
  hw::sync_block();
  return found;
}

}  // namespace conclave::cuda

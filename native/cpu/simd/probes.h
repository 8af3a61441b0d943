#pragma once
// Loops that do nothing but what is measured. Included after lanes.h.

namespace conclave::cpu {
namespace {

// From eight places at once: the memory of some machines gives a third more than from one.
uint64_t probe_read(const void* data, int64_t bytes) {
  constexpr int64_t kPlaces = 8;
  const int64_t length = bytes / kPlaces / 64 * 16;  // floats of a place, in whole lines
  const float* p = static_cast<const float*>(data);
  V::F sums[kPlaces];
  for (auto& sum : sums) sum = V::zero();
  for (int64_t i = 0; i < length; i += V::kLanes) {
    CONCLAVE_UNROLL
    for (int j = 0; j < kPlaces; j++) sums[j] = V::add(sums[j], V::load(p + j * length + i));
  }
  float total = 0;
  for (auto& sum : sums) total += lane_sum(sum);
  return static_cast<uint64_t>(total != 0);
}

struct F32Product {
  static constexpr int64_t kFlops = 2 * V::kLanes;
  static V::F mac(V::F sum, V::F x) { return V::fma(x, x, sum); }
};

// Whole numbers in the registers of floats: the loop only moves bits.
struct WordProduct {
  static constexpr int64_t kFlops = 4 * V::kLanes;
  static V::F mac(V::F sum, V::F x) {
    return V::as_floats(V::dot_words(V::as_whole(sum), V::as_whole(x), V::as_whole(x)));
  }
};

template <class P>
int64_t probe_flops(float* sink, int64_t rounds) {
  constexpr int kChains = 12;  // more than latency times throughput, fewer than the registers
  V::F sums[kChains];
  const V::F x = V::load(sink);
  CONCLAVE_UNROLL
  for (int j = 0; j < kChains; j++) sums[j] = V::set1(static_cast<float>(j));  // or they are one
  for (int64_t i = 0; i < rounds; i++) {
    CONCLAVE_UNROLL
    for (int j = 0; j < kChains; j++) sums[j] = P::mac(sums[j], x);
  }
  for (int j = 1; j < kChains; j++) sums[0] = V::add(sums[0], sums[j]);
  V::store(sink, sums[0]);
  return rounds * kChains * P::kFlops;
}

}  // namespace
}  // namespace conclave::cpu

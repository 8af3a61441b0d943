// The plain dot products: sixteen partial sums by k modulo 16, then a fixed tree, so that a
// compiler may keep them in vectors without changing a bit.
#include "cpu/plain.h"
#include "cpu/plain_load.h"

namespace conclave::cpu::plain {

namespace {

constexpr int64_t kLanes = 16;

template <WeightFormat F>
float dot(const float* x, const void* w, int64_t k) {
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; lane++) sums[lane] += x[i + lane] * load<F>(w, i + lane);
  }
  for (int64_t lane = 0; i + lane < k; lane++) sums[lane] += x[i + lane] * load<F>(w, i + lane);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

constexpr int64_t kBytes[] = {4, 2, 2};  // of one value, by WeightFormat

}  // namespace

template <WeightFormat F>
void dot_rows(const DotRows& args) {
  const char* w = static_cast<const char*>(args.w);
  for (int64_t n = 0; n < args.num_rows; n++, w += args.k * kBytes[F]) {
    for (int64_t m = 0; m < args.num_x; m++) {
      args.y[m][args.y_offset + n] = dot<F>(static_cast<const float*>(args.x[m]), w, args.k);
    }
  }
}

template void dot_rows<kWeightF32>(const DotRows&);
template void dot_rows<kWeightF16>(const DotRows&);
template void dot_rows<kWeightBf16>(const DotRows&);

}  // namespace conclave::cpu::plain

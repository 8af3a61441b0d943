#pragma once
// Softmax over spans of kSpan positions, each from zero, merged in the order of the positions.
// Every attention kernel does it with these, so that a prompt in one piece, in chunks, or token by
// token gives the same bits.
#include "cuda/device/hw.h"

namespace conclave::cuda {

constexpr int kSpan = 64;
constexpr float kLog2E = 1.4426950408889634f;

// Largest score in the exponent of 2, and the sum of 2^(score − max).
struct Softmax {
  float max = -INFINITY, sum = 0;
};

struct MergeScales {
  float old, fresh;
};

// Takes `fresh` into `total`; values are then merged by merge_value. A span of which a row sees
// nothing has max −inf and changes nothing.
__device__ __forceinline__ MergeScales merge(Softmax& total, const Softmax& fresh) {
  if (fresh.max == -INFINITY) return {1.0f, 0.0f};
  const float max = fmaxf(total.max, fresh.max);
  const MergeScales scales{hw::exp2_approx(total.max - max), hw::exp2_approx(fresh.max - max)};
  total.sum = fmaf(total.sum, scales.old, hw::mul(fresh.sum, scales.fresh));
  total.max = max;
  return scales;
}

__device__ __forceinline__ float merge_value(float total, float fresh, const MergeScales& scales) {
  if (scales.fresh == 0.0f && scales.old == 1.0f) return total;
  return fmaf(total, scales.old, hw::mul(fresh, scales.fresh));
}

}  // namespace conclave::cuda

#pragma once
// The search for scales of int8 weights, a lane for each scale that is tried. Included after
// lanes.h.
#include "quant/int8_groups.h"

namespace conclave::cpu {
namespace {

inline void try_scales(float* xq, float* qq, const float* x, int64_t n, float factor) {
  constexpr int64_t kTries = quant::kScaleTries;
  constexpr int kVectors = static_cast<int>((kTries + V::kLanes - 1) / V::kLanes);
  constexpr int64_t kLast = kTries - (kVectors - 1) * V::kLanes;
  V::F levels[kVectors], products[kVectors], squares[kVectors];
  CONCLAVE_UNROLL
  for (int v = 0; v < kVectors; v++) {
    const float* from = quant::kTriedLevels.at + v * V::kLanes;
    levels[v] = v + 1 < kVectors || kLast == V::kLanes ? V::load(from) : V::load_part(from, kLast);
    products[v] = squares[v] = V::zero();
  }
  for (int64_t c = 0; c < n; c++) {
    const V::F value = V::set1(x[c] * factor);
    CONCLAVE_UNROLL
    for (int v = 0; v < kVectors; v++) {
      const V::F q = V::round(V::mul(value, levels[v]));
      products[v] = V::add(products[v], V::mul(value, q));
      squares[v] = V::fma(q, q, squares[v]);  // q · q is exact: the same as apart
    }
  }
  CONCLAVE_UNROLL
  for (int v = 0; v < kVectors; v++) {
    const int64_t first = v * V::kLanes;
    const bool whole = v + 1 < kVectors || kLast == V::kLanes;
    if (whole) V::store(xq + first, products[v]);
    else V::store_part(xq + first, products[v], kLast);
    if (whole) V::store(qq + first, squares[v]);
    else V::store_part(qq + first, squares[v], kLast);
  }
}

}  // namespace
}  // namespace conclave::cpu

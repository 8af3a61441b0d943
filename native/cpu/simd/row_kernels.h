#pragma once
// The kernels that take a row element by element. Included after lanes.h.
#include <bit>
#include <limits>

namespace conclave::cpu {
namespace {

// y[i] = fn(a[i], b[i]): loads of the tail are masked, so that its lanes are computed as any
// others.
template <class Fn>
inline void map2(float* y, const float* a, const float* b, int64_t n, Fn fn) {
  over_row(
      n, [&](int64_t i) { V::store(y + i, fn(V::load(a + i), V::load(b + i))); },
      [&](int64_t i, int64_t left) {
        V::store_part(y + i, fn(V::load_part(a + i, left), V::load_part(b + i, left)), left);
      });
}

void add(float* y, const float* a, const float* b, int64_t n) {
  map2(y, a, b, n, [](V::F x, V::F z) { return V::add(x, z); });
}

void silu_mul(float* y, const float* gate, const float* up, int64_t n) {
  map2(y, gate, up, n, [](V::F g, V::F u) {
    const V::F denominator = V::add(V::set1(1), exp(V::sub(V::zero(), g)));
    return V::mul(V::div(g, denominator), u);
  });
}

void exp_minus(float* y, const float* x, int64_t n, float max) {
  map2(y, x, x, n, [max](V::F a, V::F) { return exp(V::sub(a, V::set1(max))); });
}

int64_t largest(const float* x, int64_t n) {
  V::F max = V::set1(-std::numeric_limits<float>::infinity());
  over_row(
      n, [&](int64_t i) { max = V::max(V::load(x + i), max); },
      [&](int64_t i, int64_t left) {
        max = V::max(V::select_first(left, V::load_part(x + i, left), max), max);
      });
  const float top = lane_max(max);
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    if (const uint32_t equal = V::equal(V::load(x + i), V::set1(top)))
      return i + std::countr_zero(equal);
  }
  for (; i < n; i++) {
    if (x[i] == top) return i;
  }
  return 0;
}

inline float sum_of_squares(const float* x, int64_t n) {
  V::F sums[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  int64_t i = 0;
  for (; i + 4 * V::kLanes <= n; i += 4 * V::kLanes) {
    CONCLAVE_UNROLL
    for (int j = 0; j < 4; j++) {
      const V::F v = V::load(x + i + j * V::kLanes);
      sums[j] = V::fma(v, v, sums[j]);
    }
  }
  over_row(
      n - i,
      [&](int64_t j) {
        const V::F v = V::load(x + i + j);
        sums[0] = V::fma(v, v, sums[0]);
      },
      [&](int64_t j, int64_t left) {
        const V::F v = V::load_part(x + i + j, left);
        sums[1] = V::fma(v, v, sums[1]);
      });
  return lane_sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
}

void rms_norm(float* y, const float* x, const float* w, int64_t n, float eps) {
  const float mean = sum_of_squares(x, n) / static_cast<float>(n);
  const float r = 1 / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + eps)));
  map2(y, x, w, n, [r](V::F a, V::F b) { return V::mul(V::mul(a, V::set1(r)), b); });
}

void rope(float* x, const float* cos, const float* sin, int64_t half) {
  const auto rotate = [](V::F& a, V::F& b, V::F c, V::F s) {
    const V::F turned = V::fnma(b, s, V::mul(a, c));
    b = V::fma(a, s, V::mul(b, c));
    a = turned;
  };
  over_row(
      half,
      [&](int64_t i) {
        V::F a = V::load(x + i), b = V::load(x + half + i);
        rotate(a, b, V::load(cos + i), V::load(sin + i));
        V::store(x + i, a);
        V::store(x + half + i, b);
      },
      [&](int64_t i, int64_t n) {
        V::F a = V::load_part(x + i, n), b = V::load_part(x + half + i, n);
        rotate(a, b, V::load_part(cos + i, n), V::load_part(sin + i, n));
        V::store_part(x + i, a, n);
        V::store_part(x + half + i, b, n);
      });
}

void add_weighted(float* y, const float* x, float weight, int64_t n) {
  map2(y, x, y, n, [weight](V::F a, V::F sum) { return V::fma(V::set1(weight), a, sum); });
}

bool block_maxima(float* largest, float* maxima, const float* x, int64_t n) {
  const V::F lowest = V::set1(-__builtin_inff()), least_finite = V::set1(-__FLT_MAX__);
  V::F high = lowest, nothing = V::zero();
  for (int64_t start = 0; start < n; start += kScanBlock) {
    V::F top = lowest;
    const auto take = [&](V::F v) {
      top = V::max(top, v);
      // NaN from NaN and +Inf, which stays, else zero; −Inf is no error.
      nothing = V::fma(V::max(least_finite, v), V::zero(), nothing);
    };
    over_row(
        n - start < kScanBlock ? n - start : kScanBlock,
        [&](int64_t i) { take(V::load(x + start + i)); },
        [&](int64_t i, int64_t left) {
          take(V::select_first(left, V::load_part(x + start + i, left), lowest));
        });
    high = V::max(high, top);
    maxima[start / kScanBlock] = lane_max(top);
  }
  *largest = lane_max(high);
  return lane_sum(nothing) == 0;
}

// Weights of each format as f32 lanes.
template <WeightFormat F>
struct Load;
template <>
struct Load<kWeightF32> {
  using T = float;
  static V::F full(const T* p) { return V::load(p); }
  static V::F part(const T* p, int64_t n) { return V::load_part(p, n); }
};
template <>
struct Load<kWeightF16> {
  using T = uint16_t;
  static V::F full(const T* p) { return V::from_f16(p); }
  static V::F part(const T* p, int64_t n) { return V::from_f16_part(p, n); }
};
template <>
struct Load<kWeightBf16> {
  using T = uint16_t;
  static V::F full(const T* p) { return V::from_bf16(p); }
  static V::F part(const T* p, int64_t n) { return V::from_bf16_part(p, n); }
};

template <WeightFormat F>
void to_f32(float* y, const void* w, int64_t n) {
  const auto* p = static_cast<const typename Load<F>::T*>(w);
  over_row(
      n, [&](int64_t i) { V::store(y + i, Load<F>::full(p + i)); },
      [&](int64_t i, int64_t left) { V::store_part(y + i, Load<F>::part(p + i, left), left); });
}

}  // namespace
}  // namespace conclave::cpu

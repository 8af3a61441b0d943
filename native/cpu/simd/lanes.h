#pragma once
// What every kernel set builds from its V: sums over lanes, exp, and the way over a row with its
// tail. Included after a vec_*.h.

#if defined(__clang__)
#define CONCLAVE_UNROLL _Pragma("unroll")
#define CONCLAVE_INLINE inline __attribute__((always_inline))
#elif defined(__GNUC__)
#define CONCLAVE_UNROLL _Pragma("GCC unroll 32")
#define CONCLAVE_INLINE inline __attribute__((always_inline))
#else
#define CONCLAVE_UNROLL
#define CONCLAVE_INLINE __forceinline
#endif

namespace conclave::cpu {
namespace {

// Four sums over lanes at once. Each is (0 + 2) + (1 + 3) of its folded quad, whichever of these
// functions makes it.
inline __m128 quad_sums(V::F a, V::F b, V::F c, V::F d) {
  __m128 q0 = V::fold(a), q1 = V::fold(b), q2 = V::fold(c), q3 = V::fold(d);
  _MM_TRANSPOSE4_PS(q0, q1, q2, q3);
  return _mm_add_ps(_mm_add_ps(q0, q2), _mm_add_ps(q1, q3));
}

inline float lane_sum(V::F v) {
  const __m128 q = V::fold(v);
  const __m128 pairs = _mm_add_ps(q, _mm_movehl_ps(q, q));  // 0 + 2, 1 + 3
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

inline float lane_max(V::F v) {
  const __m128 q = V::fold_max(v);
  const __m128 pairs = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

// e^x within 2 units in the last place; 0 below −104, Inf above 89, NaN for NaN.
inline V::F exp(V::F x) {
  x = V::min(V::set1(90), V::max(V::set1(-104), x));  // a NaN is the second operand: it stays
  const V::F n = V::round(V::mul(x, V::set1(1.44269504f)));
  V::F r =
      V::fnma(n, V::set1(0.693145752f), x);  // ln 2 in two parts: the first has 15 zeros at its end
  r = V::fnma(n, V::set1(1.42860677e-6f), r);
  V::F p = V::set1(1.0f / 5040);
  p = V::fma(p, r, V::set1(1.0f / 720));
  p = V::fma(p, r, V::set1(1.0f / 120));
  p = V::fma(p, r, V::set1(1.0f / 24));
  p = V::fma(p, r, V::set1(1.0f / 6));
  p = V::fma(p, r, V::set1(0.5f));
  p = V::fma(p, r, V::set1(1));
  p = V::fma(p, r, V::set1(1));
  return V::scale_by_power(p, n);
}

// full(i) for whole vectors from i on, part(i, n) for the n < kLanes values that are left.
template <class Full, class Part>
inline void over_row(int64_t n, Full full, Part part) {
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) full(i);
  if (i < n) part(i, n - i);
}

}  // namespace
}  // namespace conclave::cpu

#pragma once
// Products of bf16 pairs, summed in f32 by AVX512-BF16. Included after attention_kernels.h.
//   sum + x[0]·w[0] + x[1]·w[1] a lane; subnormals count as zero, which is far below what bf16
//   resolves

namespace conclave::cpu {
namespace {

void to_bf16(void* out, const float* x, int64_t n) {
  uint16_t* y = static_cast<uint16_t*>(out);
  over_row(
      n, [&](int64_t i) { V::store_bf16(y + i, V::load(x + i)); },
      [&](int64_t i, int64_t left) { V::store_bf16_part(y + i, V::load_part(x + i, left), left); });
}

inline __m512 multiply_pairs(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

// bf16 activations with bf16 weights.
struct Bf16Dot {
  using X = uint16_t;
  using W = uint16_t;
  using XVec = __m512i;
  using WVec = __m512i;
  static constexpr int64_t kStep = 32;
  static __m512i load_x(const X* p) { return _mm512_loadu_si512(p); }
  static __m512i load_x_part(const X* p, int64_t n) {
    return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1u << n) - 1), p);
  }
  static __m512i load_w(const W* p) { return load_x(p); }
  static __m512i load_w_part(const W* p, int64_t n) { return load_x_part(p, n); }
  static __m512 mac(__m512 sum, __m512i x, __m512i w) { return multiply_pairs(sum, x, w); }
};

struct Bf16Pages : NoScales {
  using Q = uint16_t;
  using Lanes = __m512i;
  static constexpr int64_t kPack = 2;
  static Lanes load(const char* p) { return V::load_pairs(p); }
  static Lanes load_part(const char* p, int64_t n) { return V::load_pairs_part(p, n); }
  static Lanes keep(Lanes v, int64_t) { return V::keep_even(v); }
  static __m512 mac(__m512 sum, const Q* q, Lanes v) {
    return multiply_pairs(
        sum, _mm512_set1_epi32(static_cast<int>(q[0] | static_cast<uint32_t>(q[1]) << 16)), v);
  }
  static void pack(Q* out, const float* x, int64_t n) {
    to_bf16(out, x, n);
    if (n % 2) out[n] = 0;
  }
};

// Queries in two bf16 parts, x = high + low to 2^-17: a rounded query would move a score by 2^-9 of
// its terms, and exp makes a relative error of every weight out of that. Probabilities have no such
// lever and are rounded.
struct SplitBf16Pages : Bf16Pages {
  using Q = uint32_t;  // of dimensions d and d + 1: [d] their high parts, [d + 1] their low parts
  static __m512 mac(__m512 sum, const Q* q, Lanes v) {
    sum = multiply_pairs(sum, _mm512_set1_epi32(static_cast<int>(q[1])), v);
    return multiply_pairs(sum, _mm512_set1_epi32(static_cast<int>(q[0])), v);
  }
  // Sixteen bf16, one a lane of 32 bits → eight pairs, in the lower half of each 64 bits.
  static __m512i pair_up(__m512i x) {
    const __m512i pairs = _mm512_or_si512(x, _mm512_srli_epi64(x, 16));
    return _mm512_and_si512(pairs, _mm512_set1_epi64(0xffffffff));
  }
  static __m512i split(__m512 x) {
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
    const __m512 rest = _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(high, 16)));
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(rest));
    return _mm512_or_si512(pair_up(high), _mm512_slli_epi64(pair_up(low), 32));
  }
  // Writes whole vectors: the rows that take them end on one.
  static void pack(Q* out, const float* x, int64_t n) {
    static_assert(kMaxHeadDim % V::kLanes == 0);
    over_row(
        n, [&](int64_t i) { _mm512_storeu_si512(out + i, split(V::load(x + i))); },
        [&](int64_t i, int64_t left) {
          _mm512_storeu_si512(out + i, split(V::load_part(x + i, left)));
        });
  }
};

struct Bf16Product {
  static constexpr int64_t kFlops = 64;
  static __m512 mac(__m512 sum, __m512 x) {
    return multiply_pairs(sum, _mm512_castps_si512(x), _mm512_castps_si512(x));
  }
};

}  // namespace
}  // namespace conclave::cpu

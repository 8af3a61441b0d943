#pragma once
// Sixteen f32 lanes of AVX-512 (F, BW, DQ, VL), in the words that the kernels of this room are
// written in. Internal linkage throughout: code with these instructions must never stand in for the
// portable build's.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace conclave::cpu {
namespace {

struct V {
  static constexpr int64_t kLanes = 16;
  static constexpr int kMaxTokens =
      6;  // 6 × 4 sums, 6 activations and a weight: 31 of 32 registers
  static constexpr int kWideTokens = 2;
  static constexpr int kPanelTokens = 6;   // 6 × 2 whole sums, as many f32 sums, 4 weights
  static constexpr int kScoreGroups = 4;   // groups of keys at once: 4 rows × 4 groups of sums
  static constexpr int kValueVectors = 4;  // vectors of values at once: 4 rows × 4 of sums
  using F = __m512;
  using I = __m512i;

  static __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }  // n < 16

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static F load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void store_part(float* p, F v, int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }    // a·b + c
  static F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }  // c − a·b
  static F max(F a, F b) { return _mm512_max_ps(a, b); }              // b where either is NaN
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static uint32_t equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }  // a bit a lane
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
  static F scale_by_power(F a, F n) { return _mm512_scalef_ps(a, n); }  // a · 2^n
  // Lanes below n of a, the others of b.
  static F select_first(int64_t n, F a, F b) {
    return n >= kLanes ? a : _mm512_mask_blend_ps(first(n), b, a);
  }

  static F from_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p));
  }
  static F from_f16_part(const uint16_t* p, int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
  }
  static F widen(__m256i v) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
  }
  static F from_bf16(const uint16_t* p) { return widen(_mm256_loadu_si256((const __m256i*)p)); }
  static F from_bf16_part(const uint16_t* p, int64_t n) {
    return widen(_mm256_maskz_loadu_epi16(first(n), p));
  }

  // Pairs of bf16: the even and the odd element of each lane.
  static I load_pairs(const void* p) { return _mm512_loadu_si512(p); }
  static I load_pairs_part(const void* p, int64_t n) {
    return _mm512_maskz_loadu_epi32(first(n), p);
  }
  static F even(I v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
  static F odd(I v) { return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(-65536))); }

  // Element N of the quad of int8 in each lane.
  template <int N>
  static F byte(I v) {
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(v, 24 - 8 * N), 24));
  }

  static I keep_even(I v) { return _mm512_and_si512(v, _mm512_set1_epi32(0xffff)); }

  // Nearest even; NaN stays NaN.
  static __m256i narrow(F v) {
    const I bits = _mm512_castps_si512(v);
    const I lsb = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    I rounded = _mm512_add_epi32(bits, _mm512_add_epi32(lsb, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
  }
  static void store_bf16(uint16_t* p, F v) { _mm256_storeu_si256((__m256i*)p, narrow(v)); }
  static void store_bf16_part(uint16_t* p, F v, int64_t n) {
    _mm256_mask_storeu_epi16(p, first(n), narrow(v));
  }

  // Lanes of 32 bits, all the same.
  static I repeat_32(const void* p) {
    int32_t x;
    std::memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
  }
  static F repeat(const void* p) { return _mm512_castsi512_ps(repeat_32(p)); }

  static I as_whole(F v) { return _mm512_castps_si512(v); }
  static F as_floats(I v) { return _mm512_castsi512_ps(v); }

  // Whole numbers: lanes of 32 bits, or pairs of 16 in one.
  static I low_bytes(I v) { return _mm512_and_si512(v, _mm512_set1_epi16(255)); }
  static I high_bytes(I v) { return _mm512_srli_epi16(v, 8); }
  static I dot_words(I sum, I a, I b) {  // sum + a[0]·b[0] + a[1]·b[1]
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
  }
  static F from_whole(I v) { return _mm512_cvtepi32_ps(v); }
  static I to_whole(F v) { return _mm512_cvtps_epi32(v); }  // nearest even
  static I add_whole(I a, I b) { return _mm512_add_epi32(a, b); }
  static int32_t sum_whole(I v) { return _mm512_reduce_add_epi32(v); }
  static I magnitude_bits(F v) {
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
  }
  static I max_bits(I a, I b) { return _mm512_max_epu32(a, b); }
  static uint32_t largest(I bits) { return _mm512_reduce_max_epu32(bits); }
  // 32 whole numbers as words, each four in the order 0, 2, 1, 3.
  static void store_words_0213(void* p, const I (&q)[2]) {
    for (int i = 0; i < 2; i++) {
      const __m256i words = _mm512_cvtepi32_epi16(_mm512_shuffle_epi32(q[i], _MM_PERM_DBCA));
      _mm256_storeu_si256(static_cast<__m256i*>(p) + i, words);
    }
  }

  // The one horizontal tree: lane + lane 8, + lane 4, then quad_sum.
  static __m128 fold(F v) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  }
  static __m128 fold_max(F v) {
    const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  }
};

}  // namespace
}  // namespace conclave::cpu

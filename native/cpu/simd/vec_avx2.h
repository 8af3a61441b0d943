#pragma once
// Eight f32 lanes of AVX2 with FMA and F16C, in the words that the kernels of this room are written
// in. Internal linkage throughout: code with these instructions must never stand in for the
// portable build's.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace conclave::cpu {
namespace {

struct V {
  static constexpr int64_t kLanes = 8;
  static constexpr int kMaxTokens = 3;  // 3 × 4 sums, 3 activations and a weight: all 16 registers
  static constexpr int kWideTokens = 1;
  static constexpr int kPanelTokens = 2;  // 2 × 2 whole sums, as many f32 sums, 4 weights
  static constexpr int kScoreGroups = 1;  // 4 rows × 2 halves of sums
  static constexpr int kValueVectors = 2;
  using F = __m256;
  using I = __m256i;

  static I first(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }

  static F zero() { return _mm256_setzero_ps(); }
  static F set1(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static F load_part(const float* p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
  static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static void store_part(float* p, F v, int64_t n) { _mm256_maskstore_ps(p, first(n), v); }

  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }    // a·b + c
  static F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }  // c − a·b
  static F max(F a, F b) { return _mm256_max_ps(a, b); }              // b where either is NaN
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static uint32_t equal(F a, F b) {  // a bit a lane
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)));
  }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // a · 2^n in two steps, so that n from −150 to 130 neither wraps nor overflows on the way.
  static F scale_by_power(F a, F n) {
    const I whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    return mul(mul(a, power(half)), power(_mm256_sub_epi32(whole, half)));
  }
  static F power(I n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  // Lanes below n of a, the others of b.
  static F select_first(int64_t n, F a, F b) {
    return n >= kLanes ? a : _mm256_blendv_ps(b, a, _mm256_castsi256_ps(first(n)));
  }

  // The first n of eight values of two bytes or one, the rest zero.
  static __m128i part(const void* p, int64_t bytes) {
    alignas(16) char buffer[16] = {};
    std::memcpy(buffer, p, static_cast<size_t>(bytes));
    return _mm_load_si128((const __m128i*)buffer);
  }
  static F from_f16(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
  }
  static F from_f16_part(const uint16_t* p, int64_t n) { return _mm256_cvtph_ps(part(p, n * 2)); }
  static F widen(__m128i v) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
  }
  static F from_bf16(const uint16_t* p) { return widen(_mm_loadu_si128((const __m128i*)p)); }
  static F from_bf16_part(const uint16_t* p, int64_t n) { return widen(part(p, n * 2)); }

  // Pairs of bf16: the even and the odd element of each lane.
  static I load_pairs(const void* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static I load_pairs_part(const void* p, int64_t n) {
    return _mm256_maskload_epi32((const int*)p, first(n));
  }
  static F even(I v) { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)); }
  static F odd(I v) { return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(-65536))); }

  // Element N of the quad of int8 in each lane.
  template <int N>
  static F byte(I v) {
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(v, 24 - 8 * N), 24));
  }

  static I keep_even(I v) { return _mm256_and_si256(v, _mm256_set1_epi32(0xffff)); }

  // Nearest even; NaN stays NaN.
  static __m128i narrow(F v) {
    const I bits = _mm256_castps_si256(v);
    const I lsb = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const I rounded = _mm256_add_epi32(bits, _mm256_add_epi32(lsb, _mm256_set1_epi32(0x7fff)));
    const I quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const F nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    const I chosen = _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(nan));
    const I high = _mm256_srli_epi32(chosen, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  }
  static void store_bf16(uint16_t* p, F v) { _mm_storeu_si128((__m128i*)p, narrow(v)); }
  static void store_bf16_part(uint16_t* p, F v, int64_t n) {
    alignas(16) uint16_t buffer[8];
    _mm_store_si128((__m128i*)buffer, narrow(v));
    std::memcpy(p, buffer, static_cast<size_t>(n) * 2);
  }

  // Lanes of 32 bits, all the same.
  static I repeat_32(const void* p) {
    int32_t x;
    std::memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
  }
  static F repeat(const void* p) { return _mm256_castsi256_ps(repeat_32(p)); }

  static I as_whole(F v) { return _mm256_castps_si256(v); }
  static F as_floats(I v) { return _mm256_castsi256_ps(v); }

  // Whole numbers: lanes of 32 bits, or pairs of 16 in one.
  static I low_bytes(I v) { return _mm256_and_si256(v, _mm256_set1_epi16(255)); }
  static I high_bytes(I v) { return _mm256_srli_epi16(v, 8); }
  static I dot_words(I sum, I a, I b) {  // sum + a[0]·b[0] + a[1]·b[1]
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  }
  static F from_whole(I v) { return _mm256_cvtepi32_ps(v); }
  static I to_whole(F v) { return _mm256_cvtps_epi32(v); }  // nearest even
  static I add_whole(I a, I b) { return _mm256_add_epi32(a, b); }
  static int32_t sum_whole(I v) {
    const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i pair = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32(pair, 0xb1)));
  }
  static I magnitude_bits(F v) {
    return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
  }
  static I max_bits(I a, I b) { return _mm256_max_epu32(a, b); }
  static uint32_t largest(I bits) {
    const __m128i half =
        _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    const __m128i pair = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4e));
    return static_cast<uint32_t>(
        _mm_cvtsi128_si32(_mm_max_epu32(pair, _mm_shuffle_epi32(pair, 0xb1))));
  }
  // 32 whole numbers as words, each four in the order 0, 2, 1, 3.
  static void store_words_0213(void* p, const I (&q)[4]) {
    for (int i = 0; i < 4; i++) {
      const I moved = _mm256_shuffle_epi32(q[i], 0xd8);
      const __m128i words =
          _mm_packs_epi32(_mm256_castsi256_si128(moved), _mm256_extracti128_si256(moved, 1));
      _mm_storeu_si128(static_cast<__m128i*>(p) + i, words);
    }
  }

  // The one horizontal tree: lane + lane 4, then quad_sum.
  static __m128 fold(F v) {
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  }
  static __m128 fold_max(F v) {
    return _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  }
};

}  // namespace
}  // namespace conclave::cpu

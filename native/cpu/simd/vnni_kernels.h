#pragma once
// Products of bytes by AVX512-VNNI. Included after panel_kernels.h.

namespace conclave::cpu {
namespace {

// Activations as int16 = 256 · high + low, both signed: 32 high bytes, then 32 low ones. Four of
// them meet four bytes of each row: a line of weights is used as it lies, where words would have to
// be made of it.
struct SplitProducts {
  using W = V::I;
  using X = V::I;
  static constexpr bool kSplit = true;
  static constexpr int64_t kLineStep = 4;
  static W load_w(const std::byte* p) { return V::load_pairs(p); }
  static X load_x(const std::byte* p) { return V::repeat_32(p); }
  static V::I mac(V::I sum, W w, X x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static V::I high(V::I sum) { return _mm512_slli_epi32(sum, 8); }
  static void store(std::byte* group, const V::I (&q)[2]) {
    const V::I half = _mm512_set1_epi32(128);
    for (int i = 0; i < 2; i++) {
      const V::I high = _mm512_srai_epi32(_mm512_add_epi32(q[i], half), 8);
      _mm_storeu_si128((__m128i*)(group + 16 * i), _mm512_cvtepi32_epi8(high));
      _mm_storeu_si128((__m128i*)(group + 32 + 16 * i), _mm512_cvtepi32_epi8(q[i]));
    }
  }
};

struct ByteProduct {
  static constexpr int64_t kFlops = 8 * V::kLanes;
  static V::F mac(V::F sum, V::F x) {
    return V::as_floats(SplitProducts::mac(V::as_whole(sum), V::as_whole(x), V::as_whole(x)));
  }
};

}  // namespace
}  // namespace conclave::cpu

#pragma once
// Products of bytes by AVX512-VNNI. Included after panel_kernels.h.

namespace conclave::cpu {
namespace {

// Activations as int8, in the order of their columns: four of them meet four bytes of each row.
struct ByteProducts {
  using T = int8_t;
  using W = V::I;
  using X = V::I;
  static W load_w(const std::byte* p) { return V::load_pairs(p); }
  static X load_x(const std::byte* p) { return V::repeat_32(p); }
  static V::I mac(V::I sum, W w, X x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static void store(std::byte* group, const V::I (&q)[2]) {
    _mm_storeu_si128((__m128i*)group, _mm512_cvtepi32_epi8(q[0]));
    _mm_storeu_si128((__m128i*)(group + 16), _mm512_cvtepi32_epi8(q[1]));
  }
};

struct ByteProduct {
  static constexpr int64_t kFlops = 8 * V::kLanes;
  static V::F mac(V::F sum, V::F x) {
    return V::as_floats(ByteProducts::mac(V::as_whole(sum), V::as_whole(x), V::as_whole(x)));
  }
};

}  // namespace
}  // namespace conclave::cpu

#pragma once
// "K" blocks of 256 elements: one f16 scale for the block, small integer scales for its parts.
//
//         bytes  0   2      4            16        48               176
//   q4_k  144    | d | dmin | scales 12 B | nibbles 128 B |
//   q5_k  176    | d | dmin | scales 12 B | fifth 32 B | nibbles 128 B |
//         y[i] = (d·sc)·q[i] − (dmin·mn), with (sc, mn) of the part of 32 that i is in
//
//   q6_k  210    | low nibbles 128 B | high bits 64 B | sc 16 × i8 | d |
//         y[i] = (d·sc)·(q[i] − 32), with sc of the part of 16 that i is in
//
// q4_k, q5_k: the nibbles' bytes 32j … 32j+31 hold part 2j below and part 2j+1 above; bit p of
// fifth[l] is the fifth bit of element l of part p.
// q6_k: each half of 128 has 64 bytes of nibbles and 32 of high bits. With l = 0 … 31, elements
// l, l+32 are the low nibbles of bytes l, l+32, elements l+64, l+96 the high ones; byte l of the
// high bits holds two bits for each of the four, lowest first.
#include "quant/load_bytes.h"

namespace conclave::quant {

inline constexpr int kBlock256 = 256;

struct PartScale {
  int scale, min;
};

// Scale and minimum of part j of 8: six bits each, packed into b[0…11].
//   b[0…3]  = sc[j] | top two bits of sc[j+4] << 6      b[8…11] = low nibbles of sc[j+4], mn[j+4]
//   b[4…7]  = mn[j] | top two bits of mn[j+4] << 6
inline PartScale part_scale(const std::byte* b, int j) {
  if (j < 4) return {load_u8(b + j) & 63, load_u8(b + j + 4) & 63};
  return {low_nibble(b[j + 4]) | (load_u8(b + j - 4) >> 6) << 4,
          high_nibble(b[j + 4]) | (load_u8(b + j) >> 6) << 4};
}

// q4_k and q5_k: `fifth` is null in q4_k.
inline void unpack_k_parts(float* y, const std::byte* block, const std::byte* fifth,
                           const std::byte* nibbles) {
  const float d = load_f16(block), dmin = load_f16(block + 2);
  for (int part = 0; part < 8; part++) {
    const PartScale p = part_scale(block + 4, part);
    const float scale = d * static_cast<float>(p.scale), min = dmin * static_cast<float>(p.min);
    for (int l = 0; l < 32; l++) {
      const std::byte pair = nibbles[32 * (part / 2) + l];
      int q = part % 2 == 0 ? low_nibble(pair) : high_nibble(pair);
      if (fifth != nullptr) q |= ((load_u8(fifth + l) >> part) & 1) << 4;
      y[32 * part + l] = scale * static_cast<float>(q) - min;
    }
  }
}

inline void unpack_q4_k(float* y, const std::byte* block) {
  unpack_k_parts(y, block, nullptr, block + 16);
}

inline void unpack_q5_k(float* y, const std::byte* block) {
  unpack_k_parts(y, block, block + 16, block + 48);
}

inline void unpack_q6_k(float* y, const std::byte* block) {
  const float d = load_f16(block + 208);
  for (int i = 0; i < kBlock256; i++) {
    const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
    const std::byte pair = block[64 * half + 32 * (quarter % 2) + l];
    const int low = quarter < 2 ? low_nibble(pair) : high_nibble(pair);
    const int high = (load_u8(block + 128 + 32 * half + l) >> (2 * quarter)) & 3;
    const float scale = d * static_cast<float>(load<int8_t>(block + 192 + i / 16));
    y[i] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

}  // namespace conclave::quant

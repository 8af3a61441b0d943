#pragma once
// Blocks of 32 elements with one scale d, and in some formats one minimum m; both are f16.
//
//         bytes  0   2   4       8               24  34
//   q8_0   34    | d | q[0…31] as i8 ···············|    y[i] = q[i]·d
//   q4_0   18    | d | nibbles 16 B      |               y[i] = (q[i] − 8)·d
//   q4_1   20    | d | m | nibbles 16 B  |               y[i] = q[i]·d + m
//   q5_0   22    | d | fifth 4 B | nibbles 16 B |        y[i] = (q[i] − 16)·d
//   q5_1   24    | d | m | fifth 4 B | nibbles 16 B |    y[i] = q[i]·d + m
//
// Byte j of the nibbles holds element j below and element j + 16 above; bit i of `fifth` is the
// fifth bit of element i.
#include "quant/load_bytes.h"

namespace conclave::quant {

inline constexpr int kBlock32 = 32;

// One block each: y (32) from the block's bytes.
inline void unpack_q8_0(float* y, const std::byte* block) {
  const float d = load_f16(block);
  for (int i = 0; i < kBlock32; i++) y[i] = static_cast<float>(load<int8_t>(block + 2 + i)) * d;
}

inline void unpack_q4_0(float* y, const std::byte* block) {
  const float d = load_f16(block);
  for (int j = 0; j < 16; j++) {
    y[j] = static_cast<float>(low_nibble(block[2 + j]) - 8) * d;
    y[j + 16] = static_cast<float>(high_nibble(block[2 + j]) - 8) * d;
  }
}

inline void unpack_q4_1(float* y, const std::byte* block) {
  const float d = load_f16(block), m = load_f16(block + 2);
  for (int j = 0; j < 16; j++) {
    y[j] = static_cast<float>(low_nibble(block[4 + j])) * d + m;
    y[j + 16] = static_cast<float>(high_nibble(block[4 + j])) * d + m;
  }
}

// Element i of a five-bit block.
inline int five_bits(const std::byte* nibbles, uint32_t fifth, int i) {
  const std::byte pair = nibbles[i % 16];
  const int low = i < 16 ? low_nibble(pair) : high_nibble(pair);
  return low | static_cast<int>((fifth >> i) & 1) << 4;
}

inline void unpack_q5_0(float* y, const std::byte* block) {
  const float d = load_f16(block);
  const uint32_t fifth = load<uint32_t>(block + 2);
  for (int i = 0; i < kBlock32; i++) {
    y[i] = static_cast<float>(five_bits(block + 6, fifth, i) - 16) * d;
  }
}

inline void unpack_q5_1(float* y, const std::byte* block) {
  const float d = load_f16(block), m = load_f16(block + 2);
  const uint32_t fifth = load<uint32_t>(block + 4);
  for (int i = 0; i < kBlock32; i++) {
    y[i] = static_cast<float>(five_bits(block + 8, fifth, i)) * d + m;
  }
}

}  // namespace conclave::quant

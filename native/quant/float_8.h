#pragma once
// Eight-bit floats.
//   e4m3: sign, 4 bits of exponent (bias 7), 3 of mantissa. No infinity: exponent 15 goes up to
//   448,
//         and only the last code of each sign is NaN.
#include <bit>
#include <cstdint>
#include <limits>

namespace conclave::quant {

inline float e4m3_to_f32(uint8_t x) {
  const uint32_t sign = static_cast<uint32_t>(x & 0x80u) << 24;
  const uint32_t exponent = (x >> 3) & 15u, mantissa = x & 7u;
  if ((x & 0x7fu) == 0x7fu) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-9, exact
    const float value = static_cast<float>(mantissa) * 0x1p-9f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 120) << 23) | (mantissa << 20));
}

}  // namespace conclave::quant

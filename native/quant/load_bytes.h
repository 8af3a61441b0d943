#pragma once
// Little-endian loads from any byte: blocks of a file have no alignment.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"

namespace conclave::quant {

static_assert(std::endian::native == std::endian::little, "file formats are read as they lie");

template <class T>
T load(const std::byte* at) {
  T x;
  std::memcpy(&x, at, sizeof(T));
  return x;
}

inline float load_f16(const std::byte* at) { return f16_to_f32(load<uint16_t>(at)); }
inline int load_u8(const std::byte* at) { return std::to_integer<int>(*at); }
inline int low_nibble(std::byte b) { return std::to_integer<int>(b & std::byte{15}); }
inline int high_nibble(std::byte b) { return std::to_integer<int>(b >> 4); }

}  // namespace conclave::quant

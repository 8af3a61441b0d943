#pragma once
// Number formats: those that kernels compute with, and those that only appear in files.
#include <bit>
#include <cstdint>
#include <cstring>

namespace conclave {

enum class DType : uint8_t {
  f32,
  f16,
  bf16,
  i8,
  i32,
  f64,
  i64,
  i16,
  u8,
  boolean,
  f8_e4m3,
  f8_e5m2,
  // Blocks of elements that share a scale, as GGUF files hold them; native/quant draws each of
  // them.
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q4_k,
  q5_k,
  q6_k,
};

// The smallest run of elements that lies in a file by itself, and its bytes.
struct DTypeBlock {
  int64_t elements;
  int64_t bytes;
};

constexpr bool is_block_dtype(DType type) { return type >= DType::q4_0; }

// Bytes of one element; 0 for a format that comes in blocks.
constexpr int64_t dtype_bytes(DType type) {
  if (is_block_dtype(type)) return 0;
  switch (type) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16: return 2;
    default: return 1;
  }
}

constexpr DTypeBlock dtype_block(DType type) {
  switch (type) {
    case DType::q4_0: return {32, 18};
    case DType::q4_1: return {32, 20};
    case DType::q5_0: return {32, 22};
    case DType::q5_1: return {32, 24};
    case DType::q8_0: return {32, 34};
    case DType::q4_k: return {256, 144};
    case DType::q5_k: return {256, 176};
    case DType::q6_k: return {256, 210};
    default: return {1, dtype_bytes(type)};
  }
}

constexpr const char* dtype_name(DType type) {
  constexpr const char* kNames[] = {"f32",  "f16",  "bf16", "i8",      "i32",     "f64",  "i64",
                                    "i16",  "u8",   "bool", "f8_e4m3", "f8_e5m2", "q4_0", "q4_1",
                                    "q5_0", "q5_1", "q8_0", "q4_k",    "q5_k",    "q6_k"};
  return kNames[static_cast<int>(type)];
}

inline float bf16_to_f32(uint16_t x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x) << 16);
}

// Round to nearest, ties to even; NaN stays NaN.
inline uint16_t f32_to_bf16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40);
  bits += 0x7fffu + ((bits >> 16) & 1);
  return static_cast<uint16_t>(bits >> 16);
}

inline float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  uint32_t mantissa = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {  // zero or subnormal: value = mantissa * 2^-24, exact in f32
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Round to nearest, ties to even; above the range infinity, NaN stays NaN.
inline uint16_t f32_to_f16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 leaves the value in steps of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace conclave

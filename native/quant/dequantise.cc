#include "quant/dequantise.h"

#include <string>

#include "core/error.h"
#include "quant/block_32.h"
#include "quant/float_8.h"
#include "quant/k_blocks.h"

namespace conclave::quant {
namespace {

using Unpack = void (*)(float* y, const std::byte* block);

template <Unpack unpack>
void unpack_blocks(float* y, const std::byte* bytes, int64_t n, DTypeBlock block) {
  for (int64_t i = 0; i < n; i += block.elements, bytes += block.bytes) unpack(y + i, bytes);
}

}  // namespace

bool can_dequantise(DType type) {
  return is_block_dtype(type) || type == DType::f32 || type == DType::f16 || type == DType::bf16 ||
         type == DType::i8 || type == DType::f8_e4m3;
}

void dequantise_row(float* y, const std::byte* bytes, int64_t n, DType type) {
  const DTypeBlock block = dtype_block(type);
  switch (type) {
    case DType::f32: std::memcpy(y, bytes, static_cast<size_t>(n) * 4); return;
    case DType::f16:
      for (int64_t i = 0; i < n; i++) y[i] = load_f16(bytes + 2 * i);
      return;
    case DType::bf16:
      for (int64_t i = 0; i < n; i++) y[i] = bf16_to_f32(load<uint16_t>(bytes + 2 * i));
      return;
    case DType::i8:
      for (int64_t i = 0; i < n; i++) y[i] = load<int8_t>(bytes + i);
      return;
    case DType::f8_e4m3:
      for (int64_t i = 0; i < n; i++) y[i] = e4m3_to_f32(load<uint8_t>(bytes + i));
      return;
    case DType::q4_0: return unpack_blocks<unpack_q4_0>(y, bytes, n, block);
    case DType::q4_1: return unpack_blocks<unpack_q4_1>(y, bytes, n, block);
    case DType::q5_0: return unpack_blocks<unpack_q5_0>(y, bytes, n, block);
    case DType::q5_1: return unpack_blocks<unpack_q5_1>(y, bytes, n, block);
    case DType::q8_0: return unpack_blocks<unpack_q8_0>(y, bytes, n, block);
    case DType::q4_k: return unpack_blocks<unpack_q4_k>(y, bytes, n, block);
    case DType::q5_k: return unpack_blocks<unpack_q5_k>(y, bytes, n, block);
    case DType::q6_k: return unpack_blocks<unpack_q6_k>(y, bytes, n, block);
    default: break;
  }
  throw Error("unsupported_format",
              "Expected weights as f32, f16, bf16 or a block format, but they are " +
                  std::string(dtype_name(type)) + ".");
}

}  // namespace conclave::quant

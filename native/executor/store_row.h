#pragma once
// One row of f32 → the number format of a kernel or a file.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "quant/pack_q8_0.h"

namespace conclave::executor {

// Writes x (cols; whole blocks of q8_0) as f32, f16, bf16 or q8_0.
inline void store_row(std::byte* target, DType dtype, const float* x, int64_t cols) {
  uint16_t* halves = reinterpret_cast<uint16_t*>(target);
  switch (dtype) {
    case DType::q8_0: return quant::pack_q8_0(target, x, cols);
    case DType::bf16:
      for (int64_t c = 0; c < cols; c++) halves[c] = f32_to_bf16(x[c]);
      return;
    case DType::f16:
      for (int64_t c = 0; c < cols; c++) halves[c] = f32_to_f16(x[c]);
      return;
    default: std::memcpy(target, x, static_cast<size_t>(cols) * sizeof(float));
  }
}

}  // namespace conclave::executor

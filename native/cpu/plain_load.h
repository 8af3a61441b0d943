#pragma once
// Element i of a row as f32; i8 comes without its scale.
#include "core/dtype.h"
#include "cpu/kernels.h"

namespace conclave::cpu::plain {

template <WeightFormat F>
float load(const void* w, int64_t i) {
  if constexpr (F == kWeightF32) return static_cast<const float*>(w)[i];
  if constexpr (F == kWeightF16) return f16_to_f32(static_cast<const uint16_t*>(w)[i]);
  if constexpr (F == kWeightBf16) return bf16_to_f32(static_cast<const uint16_t*>(w)[i]);
  if constexpr (F == kWeightI8) return static_cast<float>(static_cast<const int8_t*>(w)[i]);
}

}  // namespace conclave::cpu::plain

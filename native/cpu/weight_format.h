#pragma once
// From the dtypes of tensors to the columns of the kernel tables.
#include <string>

#include "core/dtype.h"
#include "core/error.h"
#include "core/tensor.h"
#include "cpu/kernels.h"

namespace conclave::cpu {

inline WeightFormat weight_format(DType dtype) {
  switch (dtype) {
    case DType::f32: return kWeightF32;
    case DType::f16: return kWeightF16;
    case DType::bf16: return kWeightBf16;
    case DType::i8: return kWeightI8;
    default:
      throw Error("invalid_config",
                  std::string("Expected a weight of dtype f32, f16, bf16 or i8, but found ") +
                      dtype_name(dtype) + ".");
  }
}

inline KvFormat kv_format(DType dtype) {
  if (dtype == DType::f32) return kKvF32;
  if (dtype == DType::bf16) return kKvBf16;
  if (dtype == DType::i8) return kKvI8;
  throw Error("invalid_config",
              std::string("Expected KV pages of dtype f32, bf16 or i8, but found ") +
                  dtype_name(dtype) + ".");
}

inline const void* weight_row(const Weight& w, int64_t row) {
  return static_cast<const std::byte*>(w.data) + row * w.cols * dtype_bytes(w.dtype);
}

inline const float* weight_scales(const Weight& w, int64_t row) {
  return w.scales ? w.scales + row : nullptr;
}

}  // namespace conclave::cpu

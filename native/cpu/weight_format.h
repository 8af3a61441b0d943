#pragma once
// From the dtypes of tensors to the columns of the kernel tables.
#include <string>

#include "core/dtype.h"
#include "core/error.h"
#include "core/tensor.h"
#include "cpu/kernels.h"
#include "cpu/panels.h"

namespace conclave::cpu {

inline WeightFormat weight_format(const Weight& w) {
  switch (w.dtype) {
    case DType::f32: return kWeightF32;
    case DType::f16: return kWeightF16;
    case DType::bf16: return kWeightBf16;
    case DType::i8: return kWeightI8;
    default:
      throw Error("invalid_config",
                  std::string("Expected a weight of dtype f32, f16, bf16 or i8, but found ") +
                      dtype_name(w.dtype) + ".");
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

// Bytes that a row takes in memory.
inline int64_t weight_row_bytes(const Weight& w) {
  return w.dtype == DType::i8 ? panel_bytes(w.cols) / kPanelRows : w.cols * dtype_bytes(w.dtype);
}

// Where a row begins; of i8 only rows that begin a panel.
inline const void* weight_row(const Weight& w, int64_t row) {
  return static_cast<const std::byte*>(w.data) + row * weight_row_bytes(w);
}

inline const float* weight_scales(const Weight& w, int64_t row) {
  return w.scales ? w.scales + row : nullptr;
}

}  // namespace conclave::cpu

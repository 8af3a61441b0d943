#pragma once
// The same check of shapes for weights as core/check.h has for tensors.
#include "core/check.h"

namespace conclave::ops {

inline void match_weight(const char* op, const char* name, const Weight& w, Dim& rows, Dim& cols) {
  bind(op, name, rows, w.rows);
  bind(op, name, cols, w.cols);
  const bool computes = w.dtype == DType::f32 || w.dtype == DType::f16 || w.dtype == DType::bf16 ||
                        w.dtype == DType::i8;
  if (!computes || (w.dtype == DType::i8) != (w.scales != nullptr)) {
    throw Error("invalid_config", std::string(op) + ": " + name + " is " + dtype_name(w.dtype) +
                                      (w.scales ? " with scales" : " without scales") +
                                      ", expected f32, f16 or bf16 without scales or i8 with them");
  }
}

}  // namespace conclave::ops

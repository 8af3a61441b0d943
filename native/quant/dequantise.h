#pragma once
// Rows of stored weights → f32, whatever format the file holds them in.
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace conclave::quant {

// True for f32, f16, bf16, every block format, and i8 and f8_e4m3 (their values before scaling).
bool can_dequantise(DType type);

// y (n) from the bytes of n consecutive elements; n is a multiple of the format's block. The bytes
// may lie on any address. Throws `unsupported_format` where can_dequantise is false.
void dequantise_row(float* y, const std::byte* bytes, int64_t n, DType type);

}  // namespace conclave::quant

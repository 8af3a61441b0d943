#pragma once
// gather_rows: y[r] = x[rows[r]]
//   shapes  x (num_tokens, hidden_size)   rows (num_rows), each in [0, num_tokens)   y (num_rows,
//   hidden_size)   types f32, rows i32
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void gather_rows(Tensor y, Tensor x, Tensor rows, Stream& stream);
}

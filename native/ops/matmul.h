#pragma once
// matmul: y[t,n] = sum_k x[t,k] * W[n,k] (+ bias[n])
//   shapes  x (num_tokens, in)   y (num_tokens, out)   W (out, in)   bias (out) or empty
//   types   x, y, bias f32   W f32 | f16 | bf16 | i8; sums in f32
//   alias   none
//   order   the sum over k is taken in one fixed order that depends on `in` and the dtype alone:
//           the same row gives the same bits at any num_tokens, thread count and tile
//   cost    reads W once: out·in·s bytes (bound at few tokens); 2·T·out·in flops (bound at many)
#include <span>

#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {

void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, Stream& stream);

struct Product {
  Tensor y;
  const Weight* w;
  Tensor bias;
};

// Products of the same x by matrices of one dtype, whose y share no memory: the bits of one after
// the other. The CPU reads x once and has one queue for all.
void matmul(std::span<const Product> products, Tensor x, Stream& stream);

}  // namespace conclave::ops

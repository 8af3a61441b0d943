#pragma once
// embed: y[t] = w[token_ids[t]]
//   shapes  y (num_tokens, hidden_size)   token_ids (num_tokens)   w (vocab_size, hidden_size)
//   types   y f32   token_ids i32, each in [0, vocab_size): checked by the caller   w f32 | f16 |
//   bf16 | i8 cost    reads T·H·s bytes, writes T·H·4: memory-bound
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void embed(Tensor y, Tensor token_ids, const Weight& w, Stream& stream);
}

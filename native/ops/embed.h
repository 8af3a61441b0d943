#pragma once
// embed: y[t] = w[token_ids[t]]. An id of −1 − r stands for sampled[r], which a step before wrote
// where the device has its memory: −1 there, for no token, reads as 0.
//   shapes  y (num_tokens, hidden_size)   token_ids (num_tokens)   w (vocab_size, hidden_size)
//           sampled (num_sampled), or without data where no id is negative
//   types   y f32   token_ids i32, each in [−num_sampled, vocab_size): checked by the caller
//           sampled i32, each in [−1, vocab_size): so are they sampled   w f32 | f16 | bf16 | i8
//   cost    reads T·H·s bytes, writes T·H·4: memory-bound
#include "core/device.h"
#include "core/tensor.h"

namespace conclave::ops {
void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, Stream& stream);
}

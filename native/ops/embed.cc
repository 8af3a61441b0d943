#include "ops/embed.h"

#include "ops/on_cpu.h"
#include "ops/on_cuda.h"
#include "ops/weight_check.h"

namespace conclave::ops {

void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, Stream& stream) {
  Dim T("num_tokens"), V("vocab_size"), H("hidden_size"), R("num_sampled");
  match("embed", "token_ids", token_ids, {T});
  match_weight("embed", "w", w, V, H);
  match("embed", "y", y, {T, H});
  match_dtype("embed", "token_ids", token_ids, DType::i32);
  match_dtype("embed", "y", y, DType::f32);
  if (sampled.data != nullptr) {
    match("embed", "sampled", sampled, {R});
    match_dtype("embed", "sampled", sampled, DType::i32);
  }
  if (stream.kind == DeviceKind::cuda)
    return cuda::embed(y, token_ids, sampled, w, on_cuda(stream));
  cpu::embed(y, token_ids, sampled, w, on_cpu(stream));
}

}  // namespace conclave::ops

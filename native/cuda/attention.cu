// attention: chooses the kernels, by format, head_dim and how many tokens the sequences have.
#include "cuda/attention.h"

#include "cuda/batch_arrays.h"
#include "cuda/device/softmax.h"

namespace conclave::cuda {

void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               CudaStream& stream) {
  const int num_heads = static_cast<int>(q.shape[1] / region.head_dim);
  const AttentionProblem p{y.f32(),          q.f32(),
                           pages_of(region), arrays_of(batch, stream),
                           num_heads,        num_heads / static_cast<int>(region.num_kv_heads),
                           scale * kLog2E};
  if (region.dtype == DType::f32 || region.head_dim % 8 != 0 || region.head_dim > 128)
    return attention_dot(p, region.dtype, stream);
  int num_single = 0;
  for (int32_t s = 0; s < batch.num_sequences; s++)
    num_single += batch.query_starts[s + 1] - batch.query_starts[s] == 1;
  if (num_single > 0) attention_decode(p, region.dtype, stream);
  if (num_single < batch.num_sequences) attention_prefill(p, region.dtype, num_single == 0, stream);
}

}  // namespace conclave::cuda

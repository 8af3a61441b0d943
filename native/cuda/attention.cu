// attention: chooses the kernels, by format, head_dim and how many tokens the sequences have.
#include "cuda/attention.h"

#include "cuda/batch_arrays.h"
#include "cuda/device/hadamard.h"
#include "cuda/device/softmax.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32;

// int8 pages hold turned keys; y = q turned and divided by the block, so that products are those of
// what was not turned. A warp for each head.
__global__ void __launch_bounds__(kThreads)
    turn_queries_kernel(float* y, const float* q, int64_t num_heads, int dim) {
  hw::let_next_kernel_start();
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t head = int64_t{blockIdx.x} * kWarps + warp;
  if (head >= num_heads) return;
  float* row = hw::shared<float>() + warp * dim;
  for (int d = lane; d < dim; d += 32) row[d] = q[head * dim + d];
  hadamard(row, dim, lane);
  const float scale = 1.0f / static_cast<float>(block_of(dim));
  for (int d = lane; d < dim; d += 32) y[head * dim + d] = row[d] * scale;
}

const float* turned(const Tensor& q, int dim, CudaStream& stream) {
  const int64_t num_heads = q.shape.elements() / dim;
  auto* y = static_cast<float*>(stream.scratch(1, turned_bytes(q.shape[0], q.shape[1])));
  hw::launch("attention", turn_queries_kernel, {blocks(num_heads, kWarps)}, kThreads,
             kWarps * dim * int64_t{sizeof(float)}, stream.queue, y,
             static_cast<const float*>(q.f32()), num_heads, dim);
  return y;
}

}  // namespace

Spans spans_of(const AttentionProblem& p, int positions, CudaStream& stream) {
  // By the length of the page tables, not of the sequences: a recorded step is replayed as they
  // grow.
  const int64_t max_spans =
      (int64_t{p.batch.max_pages} * p.pages.page_size + positions - 1) / positions;
  const int64_t num_rows =
      int64_t{p.batch.num_sequences} * p.pages.num_kv_heads * max_spans * p.group;
  static_assert(sizeof(Softmax) == 8 && kSpan == kSpanPositions);
  char* memory = static_cast<char*>(stream.scratch(0, span_bytes(num_rows, p.pages.head_dim)));
  return {reinterpret_cast<float*>(memory + span_softmax_bytes(num_rows)),
          reinterpret_cast<Softmax*>(memory), static_cast<int>(max_spans)};
}

void attention(Tensor y, Tensor q, const KvRegion& region, const BatchView& batch, float scale,
               CudaStream& stream) {
  const int dim = static_cast<int>(region.head_dim);
  const int num_heads = static_cast<int>(q.shape[1] / region.head_dim);
  const AttentionProblem p{
      y.f32(),          region.dtype == DType::i8 ? turned(q, dim, stream) : q.f32(),
      pages_of(region), arrays_of(batch, stream),
      num_heads,        num_heads / static_cast<int>(region.num_kv_heads),
      scale * kLog2E};
  if (region.dtype == DType::f32 || region.head_dim % 8 != 0 || region.head_dim > 128)
    return attention_dot(p, region.dtype, stream);
  int num_single = 0;
  for (int32_t s = 0; s < batch.num_sequences; s++)
    num_single += batch.query_starts[s + 1] - batch.query_starts[s] == 1;
  if (can_take_hopper(p, region, stream)) {
    if (num_single > 0) attention_hopper_decode(p, region, stream);
    if (num_single < batch.num_sequences) attention_hopper(p, region, stream);
    return;
  }
  if (num_single > 0) attention_decode(p, region.dtype, stream);
  if (num_single < batch.num_sequences) attention_prefill(p, region.dtype, num_single == 0, stream);
}

}  // namespace conclave::cuda

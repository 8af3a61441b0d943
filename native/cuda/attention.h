#pragma once
// What the launchers of attention hand to their kernels.
#include "cuda/device/batch.h"
#include "cuda/device/kv_layout.h"
#include "cuda/device/softmax.h"
#include "cuda/launch.h"

namespace conclave::cuda {

struct AttentionProblem {
  float* y;
  const float* q;
  KvPages pages;
  DeviceBatch batch;
  int num_heads, group;  // heads of a kv head
  float scale;           // of scores in the exponent of 2
};

// Results of spans in scratch memory, until they are merged.
struct Spans {
  float* values;  // (…, head_dim)
  Softmax* rows;
  int max_spans;  // of a sequence
};

// Where the rows of a span lie: those of the group, one after another.
__device__ __forceinline__ int64_t span_at(const Spans& spans, const AttentionProblem& p,
                                           int sequence, int kv_head, int span) {
  return ((int64_t{sequence} * p.pages.num_kv_heads + kv_head) * spans.max_spans + span) * p.group;
}

// Memory for all spans of so many positions that sequences of one token may have.
Spans spans_of(const AttentionProblem& p, int positions, CudaStream& stream);

// Any head_dim and format: a warp for each (token, head).
void attention_dot(const AttentionProblem& p, DType dtype, CudaStream& stream);
// Sequences of one token in this step: spans in parallel, then merged in order. bf16 and int8,
// head_dim a multiple of 8 and at most 128.
void attention_decode(const AttentionProblem& p, DType dtype, CudaStream& stream);
// Sequences of more tokens; with `all` those of one token too. Same bits as attention_decode.
void attention_prefill(const AttentionProblem& p, DType dtype, bool all, CudaStream& stream);

// The same two on Hopper, where can_take_hopper says so: with bits of their own, the same in both.
bool can_take_hopper(const AttentionProblem& p, const KvRegion& region, const CudaStream& stream);
void attention_hopper_decode(const AttentionProblem& p, const KvRegion& region, CudaStream& stream);
void attention_hopper(const AttentionProblem& p, const KvRegion& region, CudaStream& stream);

}  // namespace conclave::cuda

#pragma once
// What the launchers of attention hand to their kernels.
#include "cuda/device/batch.h"
#include "cuda/device/kv_layout.h"
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

// Any head_dim and format: a warp for each (token, head).
void attention_dot(const AttentionProblem& p, DType dtype, CudaStream& stream);
// Sequences of one token in this step: spans in parallel, then merged in order. bf16 and int8,
// head_dim a multiple of 8 and at most 128.
void attention_decode(const AttentionProblem& p, DType dtype, CudaStream& stream);
// Sequences of more tokens; with `all` those of one token too. Same bits as attention_decode.
void attention_prefill(const AttentionProblem& p, DType dtype, bool all, CudaStream& stream);

}  // namespace conclave::cuda

#pragma once
// The step's batch where a card reads it.
#include "cache/kv_cache.h"
#include "cuda/device/hw.h"

namespace conclave::cuda {

// As BatchView; a sequence of a recorded step that is padding has kv_lengths 0.
struct DeviceBatch {
  int num_tokens, num_sequences, max_pages;
  const int32_t *positions, *query_starts, *kv_lengths, *page_tables;
};

// The sequence that owns token t.
__device__ __forceinline__ int sequence_of(const DeviceBatch& batch, int t) {
  int low = 0, high = batch.num_sequences - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (batch.query_starts[middle] <= t) low = middle;
    else high = middle - 1;
  }
  return low;
}

}  // namespace conclave::cuda

#pragma once
// KV pages as memory. One region a layer; a page holds `page_size` consecutive positions of one
// sequence. Accounting (which page belongs to whom) is in TypeScript; this is storage and
// addressing alone.
#include <cstdint>

#include "core/dtype.h"

namespace conclave {

// One layer's pages. Layout inside a page is private to the device's kernels (cpu/kv_layout.h on
// the CPU); every device keeps `bytes_per_page(…)` bytes a page, pages contiguous.
struct KvRegion {
  std::byte* data = nullptr;
  DType dtype = DType::f32;  // f32 | bf16 | i8 with a f32 scale per position and head
  int64_t num_pages = 0;
  int64_t page_size = 0;  // positions a page; a multiple of 16
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
};

// The step's batch as ops see it. Arrays live for the length of the step.
//   Sequence s owns the tokens [query_starts[s], query_starts[s+1]); its positions are consecutive
//   and end at kv_lengths[s] - 1.
struct BatchView {
  int32_t num_tokens = 0;
  int32_t num_sequences = 0;
  int32_t max_pages = 0;                  // row length of page_tables
  const int32_t* token_ids = nullptr;     // (num_tokens)
  const int32_t* positions = nullptr;     // (num_tokens)
  const int32_t* query_starts = nullptr;  // (num_sequences + 1)
  const int32_t* kv_lengths = nullptr;    // (num_sequences) positions in the cache after this step
  const int32_t* page_tables =
      nullptr;  // (num_sequences, max_pages) page of position p: table[p / page_size]
  // positions, query_starts, kv_lengths and page_tables one after another in the memory of the
  // device that runs the step; null: it reads those above.
  const int32_t* device_arrays = nullptr;
};

}  // namespace conclave

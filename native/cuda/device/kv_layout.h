#pragma once
// Where the keys and values of a position lie inside a page of a card.
//
//   page    | kv head 0 | kv head 1 | …
//   kv head | keys [page_size][head_dim] | values: groups of 16 positions | i8: scales of keys
//           [page_size], of values [page_size], f32
//   group   | f32 [16][head_dim]; bf16, i8 [head_dim][16]: what a matrix instruction needs of a
//             dimension lies side by side
#include <cstdint>

#include "cache/kv_cache.h"
#include "cuda/device/hw.h"

namespace conclave::cuda {

constexpr int kValueGroup = 16;

struct KvPages {
  char* data;
  int page_size, num_kv_heads, head_dim;
  int64_t head_bytes, page_bytes;
};

constexpr int64_t kv_head_bytes(DType dtype, int64_t page_size, int64_t head_dim) {
  return 2 * page_size * (head_dim * dtype_bytes(dtype) + (dtype == DType::i8 ? 4 : 0));
}

inline KvPages pages_of(const KvRegion& r) {
  const int64_t head_bytes = kv_head_bytes(r.dtype, r.page_size, r.head_dim);
  return {reinterpret_cast<char*>(r.data),
          static_cast<int>(r.page_size),
          static_cast<int>(r.num_kv_heads),
          static_cast<int>(r.head_dim),
          head_bytes,
          head_bytes * r.num_kv_heads};
}

template <class T>
__device__ __forceinline__ T* key_row(const KvPages& pages, int64_t page, int kv_head, int offset) {
  char* head = pages.data + page * pages.page_bytes + kv_head * pages.head_bytes;
  return reinterpret_cast<T*>(head) + int64_t{offset} * pages.head_dim;
}

// First value of the group that holds `offset`.
template <class T>
__device__ __forceinline__ T* value_group(const KvPages& pages, int64_t page, int kv_head,
                                          int offset) {
  return key_row<T>(pages, page, kv_head, pages.page_size + offset / kValueGroup * kValueGroup);
}

// Index inside a group.
template <class T>
__device__ __forceinline__ int value_index(int p, int d, int head_dim) {
  return sizeof(T) == 4 ? p * head_dim + d : d * kValueGroup + p;
}

// Scales of keys, those of values page_size behind.
__device__ __forceinline__ float* key_scales(const KvPages& pages, int64_t page, int kv_head) {
  return reinterpret_cast<float*>(key_row<int8_t>(pages, page, kv_head, 2 * pages.page_size));
}

}  // namespace conclave::cuda

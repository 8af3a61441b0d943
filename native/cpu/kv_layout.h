#pragma once
// Where the keys and values of a position lie inside a page of the CPU.
//
//   page      | kv head 0: keys, values | kv head 1: keys, values | …
//   keys      | 16 positions | 16 positions | …      a group is transposed, so that 16 scores come
//   from one vector of sums
//     f32       [head_dim][16]                        bf16  [key_width/2][16][2]: pairs of
//     dimensions, as bf16 dot products take them
//   values    | position | position | …
//     f32       [position][head_dim]                  bf16  [position/2][head_dim][2]: pairs of
//     positions
#include <cstddef>

#include "cache/kv_cache.h"
#include "cpu/kernels.h"

namespace conclave::cpu {

// Dimensions that a key takes in its page: bf16 keys of odd width are padded by a zero.
constexpr int64_t key_width(DType dtype, int64_t head_dim) {
  return dtype == DType::bf16 ? (head_dim + 1) / 2 * 2 : head_dim;
}

constexpr int64_t bytes_per_page(DType dtype, int64_t page_size, int64_t num_kv_heads,
                                 int64_t head_dim) {
  return num_kv_heads * page_size * (key_width(dtype, head_dim) + head_dim) * dtype_bytes(dtype);
}

inline int64_t bytes_per_page(const KvRegion& region) {
  return bytes_per_page(region.dtype, region.page_size, region.num_kv_heads, region.head_dim);
}

// First byte of the group of 16 positions that holds `offset` (a position inside its page).
inline std::byte* key_group(const KvRegion& r, int64_t page, int64_t kv_head, int64_t offset) {
  const int64_t width = key_width(r.dtype, r.head_dim);
  const int64_t head_values = r.page_size * (width + r.head_dim);
  const int64_t index = kv_head * head_values + offset / kKeyGroup * kKeyGroup * width;
  return r.data + page * bytes_per_page(r) + index * dtype_bytes(r.dtype);
}

inline std::byte* value_group(const KvRegion& r, int64_t page, int64_t kv_head, int64_t offset) {
  const int64_t width = key_width(r.dtype, r.head_dim);
  const int64_t head_values = r.page_size * (width + r.head_dim);
  const int64_t index =
      kv_head * head_values + r.page_size * width + offset / kKeyGroup * kKeyGroup * r.head_dim;
  return r.data + page * bytes_per_page(r) + index * dtype_bytes(r.dtype);
}

// Indices inside a group; p in [0, 16).
template <KvFormat F>
constexpr int64_t key_index(int64_t p, int64_t d) {
  return F == kKvF32 ? d * kKeyGroup + p : (d / 2 * kKeyGroup + p) * 2 + d % 2;
}

template <KvFormat F>
constexpr int64_t value_index(int64_t p, int64_t d, int64_t head_dim) {
  return F == kKvF32 ? p * head_dim + d : (p / 2 * head_dim + d) * 2 + p % 2;
}

}  // namespace conclave::cpu

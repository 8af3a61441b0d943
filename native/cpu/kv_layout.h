#pragma once
// Where the keys and values of a position lie inside a page of the CPU.
//
//   page      | kv head 0: keys, values | kv head 1: keys, values | …
//   keys      | 16 positions | 16 positions | …      a group is transposed, so that 16 scores come
//   from one vector of sums
//     f32       [head_dim][16]                        bf16  [key_width/2][16][2]: pairs of
//     dimensions, as bf16 dot products take them
//     i8        scales [16] in f32, then [key_width/4][16][4]: quads of dimensions
//   values    | 16 positions | 16 positions | …
//     f32       [position][head_dim]                  bf16  [position/2][head_dim][2]: pairs of
//     positions
//     i8        scales [16] in f32, then [position/4][head_dim][4]: quads of positions
#include <cstddef>

#include "cache/kv_cache.h"
#include "cpu/kernels.h"

namespace conclave::cpu {

// Values of a key, or positions, that share a lane of 32 bits.
constexpr int64_t lane_values(DType dtype) { return 4 / dtype_bytes(dtype); }

// Dimensions that a key takes in its page: narrow keys are padded by zeros to whole lanes.
constexpr int64_t key_width(DType dtype, int64_t head_dim) {
  const int64_t pack = lane_values(dtype);
  return (head_dim + pack - 1) / pack * pack;
}

constexpr int64_t group_bytes(DType dtype, int64_t width) {
  return kKeyGroup * width * dtype_bytes(dtype) + (dtype == DType::i8 ? kKvScaleBytes : 0);
}

constexpr int64_t bytes_per_page(DType dtype, int64_t page_size, int64_t num_kv_heads,
                                 int64_t head_dim) {
  return num_kv_heads * (page_size / kKeyGroup) *
         (group_bytes(dtype, key_width(dtype, head_dim)) + group_bytes(dtype, head_dim));
}

inline int64_t bytes_per_page(const KvRegion& region) {
  return bytes_per_page(region.dtype, region.page_size, region.num_kv_heads, region.head_dim);
}

// First byte of the keys of one head in a page.
inline std::byte* head_keys(const KvRegion& r, int64_t page, int64_t kv_head) {
  return r.data + page * bytes_per_page(r) +
         kv_head * bytes_per_page(r.dtype, r.page_size, 1, r.head_dim);
}

// First byte of the group of 16 positions that holds `offset` (a position inside its page).
inline std::byte* key_group(const KvRegion& r, int64_t page, int64_t kv_head, int64_t offset) {
  const int64_t bytes = group_bytes(r.dtype, key_width(r.dtype, r.head_dim));
  return head_keys(r, page, kv_head) + offset / kKeyGroup * bytes;
}

inline std::byte* value_group(const KvRegion& r, int64_t page, int64_t kv_head, int64_t offset) {
  const int64_t keys = group_bytes(r.dtype, key_width(r.dtype, r.head_dim));
  return head_keys(r, page, kv_head) + r.page_size / kKeyGroup * keys +
         offset / kKeyGroup * group_bytes(r.dtype, r.head_dim);
}

// Indices inside a group, behind its scales; p in [0, 16).
template <KvFormat F>
constexpr int64_t kLaneValues = F == kKvF32    ? 1
                                : F == kKvBf16 ? 2
                                               : 4;

template <KvFormat F>
constexpr int64_t key_index(int64_t p, int64_t d) {
  constexpr int64_t n = kLaneValues<F>;
  return (d / n * kKeyGroup + p) * n + d % n;
}

template <KvFormat F>
constexpr int64_t value_index(int64_t p, int64_t d, int64_t head_dim) {
  constexpr int64_t n = kLaneValues<F>;
  return (p / n * head_dim + d) * n + p % n;
}

}  // namespace conclave::cpu

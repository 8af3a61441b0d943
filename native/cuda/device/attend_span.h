#pragma once
// One warp, 16 rows of queries, one span of keys and values, in matrix instructions. Rows are
// (token, head of the group) of one kv head: a page is read once for all heads that share it.
//   scores  S (16 × 64) = Q Kᵀ: a lane reads 8 dimensions of a key at once; which dimension its
//           registers then stand for is the same for Q
//   output  O (16 × head_dim) = P V: the registers of S are those that P needs. A lane reads four
//           positions of a dimension at once; the columns of S are in the order that this asks for
//           (column_position)
// bf16: Q, K, P and V are bf16. int8: K and V widened exactly, the key's scale goes to its column
// of S, the value's to its column of P. Sums are f32.
#include "cuda/device/kv_layout.h"
#include "cuda/device/number_format.h"
#include "cuda/device/softmax.h"

namespace conclave::cuda {

constexpr int kSpanGroups = kSpan / kValueGroup;

// Which of its group's 16 positions column c (0 … 7) of fragment `half` stands for: lane t has
// positions 4t … 4t + 3, as bytes in the pairs of widen_int8.
template <class T>
__device__ __forceinline__ int column_position(int half, int c) {
  return c / 2 * 4 + (sizeof(T) == 1 ? half + c % 2 * 2 : half * 2 + c % 2);
}

// Where a warp reads: one kv head of one sequence.
struct KvSource {
  KvPages pages;
  const int32_t* table;
  int kv_head, length;  // positions in the cache
};

template <int kDim>
using QueryRegisters = uint32_t[kDim / 32][2][4];

template <int kDim>
struct SpanResult {
  float values[kDim / 8][4];
  Softmax rows[2];  // rows g and g + 8
};

// Row g's values q[8t …] of each 32 dimensions, as registers 0 and 2; `high`: row g + 8, as 1
// and 3.
template <class T, int kDim>
__device__ __forceinline__ void load_query(QueryRegisters<kDim>& registers, const float* q,
                                           int head_dim, int t, int high) {
  for (int step = 0; step < kDim / 32; step++) {
    const int d = step * 32 + 8 * t;
    for (int h = 0; h < 2; h++) {
      float x[4] = {};
      for (int i = 0; i < 4; i++) {
        if (q != nullptr && d + 4 * h < head_dim) x[i] = q[d + 4 * h + i];
      }
      const bool bytes = sizeof(T) == 1;
      registers[step][h][high] = hw::pack_bf16(x[0], bytes ? x[2] : x[1]);
      registers[step][h][2 + high] = hw::pack_bf16(bytes ? x[1] : x[2], x[3]);
    }
  }
}

struct GroupPlace {
  int64_t page;
  int offset;
};

// Page and offset of 16 positions; behind the last group it is the last one again.
__device__ __forceinline__ GroupPlace group_place(const KvSource& from, int position) {
  const int last = (from.length - 1) / kValueGroup * kValueGroup;
  const int p = min(position, last);
  return {from.table[p / from.pages.page_size], p % from.pages.page_size};
}

__device__ __forceinline__ void key_registers(uint32_t (&b)[2][2], const uint16_t* key,
                                              bool there) {
  const uint4 w = there ? hw::load16(key) : uint4{};
  b[0][0] = w.x, b[0][1] = w.y, b[1][0] = w.z, b[1][1] = w.w;
}
__device__ __forceinline__ void key_registers(uint32_t (&b)[2][2], const int8_t* key, bool there) {
  const uint2 w = there ? hw::load8(key) : uint2{};
  widen_int8(b[0][0], b[0][1], w.x);
  widen_int8(b[1][0], b[1][1], w.y);
}

__device__ __forceinline__ void value_registers(uint32_t (&b)[2], const uint16_t* values) {
  const uint2 w = hw::load8(values);
  b[0] = w.x, b[1] = w.y;
}
__device__ __forceinline__ void value_registers(uint32_t (&b)[2], const int8_t* values) {
  widen_int8(b[0], b[1], *reinterpret_cast<const uint32_t*>(values));
}

// scores[j]: keys 8j … of the span against the rows, as they come out of the products.
template <class T, int kDim>
__device__ __forceinline__ void span_scores(float (&scores)[2 * kSpanGroups][4],
                                            const QueryRegisters<kDim>& q, const KvSource& from,
                                            int start, float scale, int lane) {
  const int g = lane / 4, t = lane % 4, head_dim = from.pages.head_dim;
#pragma unroll
  for (int i = 0; i < kSpanGroups; i++) {
    const GroupPlace place = group_place(from, start + i * kValueGroup);
    const T* keys = key_row<T>(from.pages, place.page, from.kv_head, place.offset);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float(&s)[4] = scores[2 * i + half];
      s[0] = s[1] = s[2] = s[3] = 0;
      const T* key = keys + column_position<T>(half, g) * head_dim;
#pragma unroll
      for (int step = 0; step < kDim / 32; step++) {
        const int d = step * 32 + 8 * t;
        uint32_t b[2][2];
        key_registers(b, key + d, d < head_dim);
        hw::mma_bf16(s, q[step][0], b[0]);
        hw::mma_bf16(s, q[step][1], b[1]);
      }
      const float* scales = key_scales(from.pages, place.page, from.kv_head) + place.offset;
      for (int n = 0; n < 4; n++) {
        if constexpr (sizeof(T) == 1)
          s[n] = hw::mul(s[n], scales[column_position<T>(half, 2 * t + n % 2)]);
        s[n] = hw::mul(s[n], scale);
      }
    }
  }
}

// Scores → 2^(score − max), 0 from a row's count on; the row's maximum and sum. at(j, n): entry n
// of columns 8j …, position(j, n): the position of the span that it stands for.
template <int kColumns, class At, class Position>
__device__ __forceinline__ void span_softmax(Softmax (&rows)[2], const int (&counts)[2], At at,
                                             Position position) {
  float max[2] = {-INFINITY, -INFINITY}, sum[2] = {};
#pragma unroll
  for (int j = 0; j < kColumns / 8; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (position(j, n) >= counts[n / 2]) at(j, n) = -INFINITY;
      max[n / 2] = fmaxf(max[n / 2], at(j, n));
    }
  }
  for (int r = 0; r < 2; r++) {
    max[r] = fmaxf(max[r], hw::shfl_xor(max[r], 1));
    max[r] = fmaxf(max[r], hw::shfl_xor(max[r], 2));
  }
  const float base[2] = {max[0] == -INFINITY ? 0 : max[0], max[1] == -INFINITY ? 0 : max[1]};
#pragma unroll
  for (int j = 0; j < kColumns / 8; j++) {
#pragma unroll
    for (int n = 0; n < 4; n++) {
      at(j, n) = hw::exp2_approx(at(j, n) - base[n / 2]);
      sum[n / 2] += at(j, n);
    }
  }
  for (int r = 0; r < 2; r++) {
    sum[r] += hw::shfl_xor(sum[r], 1);
    sum[r] += hw::shfl_xor(sum[r], 2);
    rows[r].max = max[r];
    rows[r].sum = sum[r];
  }
}

// Zero for what is infinite or no number; true where there was any.
__device__ __forceinline__ bool keep_finite(uint32_t& pair) {
  const bool low = (pair & 0x7f80u) == 0x7f80u, high = (pair & 0x7f800000u) == 0x7f800000u;
  pair &= (low ? 0xffff0000u : 0xffffffffu) & (high ? 0x0000ffffu : 0xffffffffu);
  return low || high;
}

// Column d of a row that sees `count` positions of the span: true where a value it sees is not
// finite.
template <class T>
__device__ __forceinline__ bool sees_overflow(const KvSource& from, int start, int count, int d) {
  if constexpr (sizeof(T) == 2) {
    for (int i = 0; i < count && d < from.pages.head_dim; i++) {
      const GroupPlace place = group_place(from, start + i / kValueGroup * kValueGroup);
      const T* group = value_group<T>(from.pages, place.page, from.kv_head, place.offset);
      const float v = Bf16::load(group + value_index<T>(i % kValueGroup, d, from.pages.head_dim));
      if (!(fabsf(v) < INFINITY)) return true;
    }
  }
  return false;
}

// NaN where a row sees a value that is not finite. at(4n + i): entry i of dimensions 8n …, of kDim.
template <class T, int kDim, class At>
__device__ __forceinline__ void mark_overflow(const KvSource& from, int start,
                                              const int (&counts)[2], int lane, At at) {
  uint64_t marked = 0;  // a bit an entry: the search is no code to unroll, the registers must be
#pragma unroll 1
  for (int entry = 0; entry < kDim / 2; entry++) {
    const int i = entry % 4, d = entry / 4 * 8 + lane % 4 * 2 + i % 2;
    if (sees_overflow<T>(from, start, i < 2 ? counts[0] : counts[1], d))
      marked |= uint64_t{1} << entry;
  }
#pragma unroll
  for (int entry = 0; entry < kDim / 2; entry++) {
    if (marked >> entry & 1) at(entry) = NAN;
  }
}

// values = P V. `masked`: some row does not see all of the span; its zeros must not meet an
// infinity, so that those are left out, and the rows that see them are marked.
template <class T, int kDim>
__device__ __forceinline__ void span_values(float (&values)[kDim / 8][4],
                                            const float (&p)[2 * kSpanGroups][4],
                                            const KvSource& from, int start, const int (&counts)[2],
                                            bool masked, int lane) {
  const int g = lane / 4, t = lane % 4, head_dim = from.pages.head_dim;
  bool overflow = false;
#pragma unroll
  for (int i = 0; i < kSpanGroups; i++) {
    const GroupPlace place = group_place(from, start + i * kValueGroup);
    const T* group = value_group<T>(from.pages, place.page, from.kv_head, place.offset);
    const float* scales =
        key_scales(from.pages, place.page, from.kv_head) + from.pages.page_size + place.offset;
    uint32_t a[4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float x[4];
      for (int n = 0; n < 4; n++) {
        x[n] = p[2 * i + half][n];
        const int at = column_position<T>(half, 2 * t + n % 2);
        if constexpr (sizeof(T) == 1)
          x[n] = i * kValueGroup + at < counts[n / 2] ? hw::mul(x[n], scales[at]) : 0.0f;
      }
      a[2 * half] = hw::pack_bf16(x[0], x[1]);
      a[2 * half + 1] = hw::pack_bf16(x[2], x[3]);
    }
#pragma unroll
    for (int n = 0; n < kDim / 8; n++) {
      if (n * 8 >= head_dim) continue;
      uint32_t b[2];
      value_registers(b, group + (n * 8 + g) * kValueGroup + 4 * t);
      if (sizeof(T) == 2 && masked) {
        const int first = start + i * kValueGroup + 4 * t;
        const bool low = keep_finite(b[0]), high = keep_finite(b[1]);
        overflow |= (low && first < from.length) || (high && first + 2 < from.length);
      }
      hw::mma_bf16(values[n], a, b);
    }
  }
  if (!masked || hw::ballot(overflow) == 0) return;
  mark_overflow<T, kDim>(from, start, counts, lane,
                         [&](int i) -> float& { return values[i / 4][i % 4]; });
}

// counts: how many positions of the span rows g and g + 8 see, 0 to kSpan.
template <class T, int kDim>
__device__ __forceinline__ void attend_span(SpanResult<kDim>& result, const QueryRegisters<kDim>& q,
                                            const KvSource& from, int start, const int (&counts)[2],
                                            bool masked, float scale, int lane) {
  float scores[2 * kSpanGroups][4];
  span_scores<T, kDim>(scores, q, from, start, scale, lane);
  span_softmax<kSpan>(
      result.rows, counts, [&](int j, int n) -> float& { return scores[j][n]; },
      [&](int j, int n) {
        return j / 2 * kValueGroup + column_position<T>(j % 2, lane % 4 * 2 + n % 2);
      });
  for (int n = 0; n < kDim / 8; n++) {
    for (int i = 0; i < 4; i++) result.values[n][i] = 0;
  }
  span_values<T, kDim>(result.values, scores, from, start, counts, masked, lane);
}

}  // namespace conclave::cuda

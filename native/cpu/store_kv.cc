#include <algorithm>
#include <cstring>

#include "cpu/hadamard.h"
#include "cpu/kv_layout.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/weight_format.h"
#include "quant/quantise_row.h"

namespace conclave::cpu {

namespace {

// Where a position's entries of one head go, or those of a position with an even number and the one
// behind it.
struct Place {
  std::byte *keys, *values;  // of their group
  int64_t p;                 // position in the group
  int64_t head_dim, key_width;
};

// The entries of one position.
struct Entry {
  const float *k, *v;
};

template <KvFormat F, class T>
void scatter(const Place& to, void* keys, void* values, const T* k, const T* v) {
  for (int64_t d = 0; d < to.key_width; d++)
    static_cast<T*>(keys)[key_index<F>(to.p, d)] = d < to.head_dim ? k[d] : T{0};
  for (int64_t d = 0; d < to.head_dim; d++)
    static_cast<T*>(values)[value_index<F>(to.p, d, to.head_dim)] = v[d];
}

void store_f32(const Place& to, const Entry& x) {
  scatter<kKvF32>(to, to.keys, to.values, x.k, x.v);
}

// Zero behind the last, up to a whole pair.
void round_row(uint16_t* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = f32_to_bf16(x[i]);
  y[n] = 0;
}

// Pairs of dimensions are whole lanes of a key.
void store_key_bf16(const Place& to, int64_t p, const float* k) {
  uint16_t rounded[kMaxHeadDim + 1];
  round_row(rounded, k, to.head_dim);
  for (int64_t d = 0; d < to.key_width; d += 2)
    std::memcpy(to.keys + key_index<kKvBf16>(p, d) * 2, rounded + d, 4);
}

void store_bf16(const Place& to, const Entry& x) {
  store_key_bf16(to, to.p, x.k);
  uint16_t* values = reinterpret_cast<uint16_t*>(to.values);
  for (int64_t d = 0; d < to.head_dim; d++)
    values[value_index<kKvBf16>(to.p, d, to.head_dim)] = f32_to_bf16(x.v[d]);
}

// Two positions are whole lanes of the values.
void store_two_bf16(const Place& to, const Entry& x, const Entry& y) {
  store_key_bf16(to, to.p, x.k);
  store_key_bf16(to, to.p + 1, y.k);
  uint32_t* values =
      reinterpret_cast<uint32_t*>(to.values) + value_index<kKvBf16>(to.p, 0, to.head_dim) / 2;
  for (int64_t d = 0; d < to.head_dim; d++)
    values[d] = f32_to_bf16(x.v[d]) | static_cast<uint32_t>(f32_to_bf16(y.v[d])) << 16;
}

void store_i8(const Place& to, const Entry& x) {
  int8_t rounded[2][kMaxHeadDim];
  float turned[kMaxHeadDim];
  std::copy(x.k, x.k + to.head_dim, turned);
  hadamard(turned, to.head_dim);
  quant::quantise_row(rounded[0], reinterpret_cast<float*>(to.keys) + to.p, turned, to.head_dim);
  quant::quantise_row(rounded[1], reinterpret_cast<float*>(to.values) + to.p, x.v, to.head_dim);
  scatter<kKvI8>(to, to.keys + kKvScaleBytes, to.values + kKvScaleBytes, rounded[0], rounded[1]);
}

constexpr void (*kStores[])(const Place&, const Entry&) = {store_f32, store_bf16, store_i8};

}  // namespace

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CpuStream& stream) {
  const int64_t dim = region.head_dim, row = region.num_kv_heads * dim;
  const auto store = kStores[kv_format(region.dtype)];
  const int64_t width = key_width(region.dtype, dim);
  // A range starts at no group border, but two tasks never write the same element. Positions of a
  // group share cache lines: long pieces of a sequence keep them on one thread. A lone position
  // touches as many as a whole group, and that is its price.
  const int64_t grain = batch.num_tokens >= 16 * int64_t{batch.num_sequences} ? 64 : 4;
  for_each_range(
      stream.pool, batch.num_tokens, grain, batch.num_tokens * row * 8,
      [&](int64_t begin, int64_t end) {
        const int32_t* starts = batch.query_starts;
        int64_t s = std::upper_bound(starts, starts + batch.num_sequences, begin) - starts - 1;
        for (int64_t t = begin; t < end;) {
          while (t >= starts[s + 1]) s++;
          const int64_t p = batch.positions[t];
          const bool two = region.dtype == DType::bf16 && p % 2 == 0 &&
                           t + 1 < std::min<int64_t>(end, starts[s + 1]);
          const int64_t page = batch.page_tables[s * batch.max_pages + p / region.page_size];
          const int64_t offset = p % region.page_size;
          for (int64_t h = 0; h < region.num_kv_heads; h++) {
            const Place to{key_group(region, page, h, offset), value_group(region, page, h, offset),
                           offset % kKeyGroup, dim, width};
            const auto entry = [&](int64_t token) {
              return Entry{k.f32() + token * row + h * dim, v.f32() + token * row + h * dim};
            };
            if (two) store_two_bf16(to, entry(t), entry(t + 1));
            else store(to, entry(t));
          }
          t += two ? 2 : 1;
        }
      });
}

}  // namespace conclave::cpu

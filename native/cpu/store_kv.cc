#include <algorithm>

#include "cpu/hadamard.h"
#include "cpu/kv_layout.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/weight_format.h"
#include "quant/quantise_row.h"

namespace conclave::cpu {

namespace {

// Where a position's entries of one head go.
struct Place {
  std::byte *keys, *values;  // of its group
  int64_t p;                 // position in the group
  int64_t head_dim, key_width;
};

template <KvFormat F, class T>
void scatter(const Place& to, void* keys, void* values, const T* k, const T* v) {
  for (int64_t d = 0; d < to.key_width; d++)
    static_cast<T*>(keys)[key_index<F>(to.p, d)] = d < to.head_dim ? k[d] : T{0};
  for (int64_t d = 0; d < to.head_dim; d++)
    static_cast<T*>(values)[value_index<F>(to.p, d, to.head_dim)] = v[d];
}

void store_f32(const Place& to, const float* k, const float* v) {
  scatter<kKvF32>(to, to.keys, to.values, k, v);
}

void store_bf16(const Place& to, const float* k, const float* v) {
  uint16_t rounded[2][kMaxHeadDim];
  for (int64_t d = 0; d < to.head_dim; d++) rounded[0][d] = f32_to_bf16(k[d]);
  for (int64_t d = 0; d < to.head_dim; d++) rounded[1][d] = f32_to_bf16(v[d]);
  scatter<kKvBf16>(to, to.keys, to.values, rounded[0], rounded[1]);
}

void store_i8(const Place& to, const float* k, const float* v) {
  int8_t rounded[2][kMaxHeadDim];
  float turned[kMaxHeadDim];
  std::copy(k, k + to.head_dim, turned);
  hadamard(turned, to.head_dim);
  quant::quantise_row(rounded[0], reinterpret_cast<float*>(to.keys) + to.p, turned, to.head_dim);
  quant::quantise_row(rounded[1], reinterpret_cast<float*>(to.values) + to.p, v, to.head_dim);
  scatter<kKvI8>(to, to.keys + kKvScaleBytes, to.values + kKvScaleBytes, rounded[0], rounded[1]);
}

constexpr void (*kStores[])(const Place&, const float*, const float*) = {store_f32, store_bf16,
                                                                         store_i8};

}  // namespace

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CpuStream& stream) {
  const int64_t row = region.num_kv_heads * region.head_dim;
  const auto store = kStores[kv_format(region.dtype)];
  const int64_t width = key_width(region.dtype, region.head_dim);
  for (int64_t s = 0; s < batch.num_sequences; s++) {
    const int64_t first = batch.query_starts[s], count = batch.query_starts[s + 1] - first;
    const int32_t* table = batch.page_tables + s * batch.max_pages;
    // A range starts at no group border, but two tasks never write the same element.
    for_each_range(stream.pool, count, 16, count * row * 2, [&](int64_t begin, int64_t end) {
      for (int64_t t = first + begin; t < first + end; t++) {
        const int64_t p = batch.positions[t];
        for (int64_t h = 0; h < region.num_kv_heads; h++) {
          const int64_t i = t * row + h * region.head_dim;
          const int64_t page = table[p / region.page_size], offset = p % region.page_size;
          store({key_group(region, page, h, offset), value_group(region, page, h, offset),
                 offset % kKeyGroup, region.head_dim, width},
                k.f32() + i, v.f32() + i);
        }
      }
    });
  }
}

}  // namespace conclave::cpu

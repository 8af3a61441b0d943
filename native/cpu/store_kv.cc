#include "cpu/kv_layout.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/weight_format.h"

namespace conclave::cpu {

namespace {

float encode(float x, float) { return x; }
uint16_t encode(float x, uint16_t) { return f32_to_bf16(x); }

template <KvFormat F, class T>
void store(const KvRegion& r, int64_t page, int64_t offset, int64_t head, const float* k,
           const float* v) {
  T* keys = reinterpret_cast<T*>(key_group(r, page, head, offset));
  T* values = reinterpret_cast<T*>(value_group(r, page, head, offset));
  const int64_t p = offset % kKeyGroup, width = key_width(r.dtype, r.head_dim);
  for (int64_t d = 0; d < width; d++) {
    keys[key_index<F>(p, d)] = encode(d < r.head_dim ? k[d] : 0.0f, T{});
  }
  for (int64_t d = 0; d < r.head_dim; d++) {
    values[value_index<F>(p, d, r.head_dim)] = encode(v[d], T{});
  }
}

}  // namespace

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CpuStream& stream) {
  const int64_t row = region.num_kv_heads * region.head_dim;
  const auto write =
      kv_format(region.dtype) == kKvF32 ? store<kKvF32, float> : store<kKvBf16, uint16_t>;
  for (int64_t s = 0; s < batch.num_sequences; s++) {
    const int64_t first = batch.query_starts[s], count = batch.query_starts[s + 1] - first;
    const int32_t* table = batch.page_tables + s * batch.max_pages;
    // A range starts at no group border, but two tasks never write the same element.
    for_each_range(stream.pool, count, 16, count * row * 2, [&](int64_t begin, int64_t end) {
      for (int64_t t = first + begin; t < first + end; t++) {
        const int64_t p = batch.positions[t];
        for (int64_t h = 0; h < region.num_kv_heads; h++) {
          const int64_t i = t * row + h * region.head_dim;
          write(region, table[p / region.page_size], p % region.page_size, h, k.f32() + i,
                v.f32() + i);
        }
      }
    });
  }
}

}  // namespace conclave::cpu

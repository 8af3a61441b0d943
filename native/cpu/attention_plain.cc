#include <algorithm>
#include <cmath>
#include <limits>

#include "core/dtype.h"
#include "cpu/kv_layout.h"
#include "cpu/plain.h"
#include "cpu/plain_load.h"

namespace conclave::cpu::plain {

namespace {

constexpr WeightFormat value_format(KvFormat f) {
  return f == kKvF32 ? kWeightF32 : f == kKvBf16 ? kWeightBf16 : kWeightI8;
}

template <KvFormat F>
const void* elements(const void* group) {
  return static_cast<const std::byte*>(group) + (F == kKvI8 ? kKvScaleBytes : 0);
}

// Scale of position p of a group.
template <KvFormat F>
float scale_of(const void* group, int64_t p) {
  return F == kKvI8 ? static_cast<const float*>(group)[p] : 1.0f;
}

// One row over one span of `count` keys; `out` (head_dim) takes the span's own sum.
template <KvFormat F>
void span_row(float* out, float& max, float& sum, const float* q, int64_t count,
              const AttentionSpan& args) {
  constexpr WeightFormat kFormat = value_format(F);
  const int64_t dim = args.head_dim;
  float p[kKeyGroup * kSpanGroups];
  max = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; i++) {
    const void* group = args.key_groups[i / kKeyGroup];
    float s = 0;
    for (int64_t d = 0; d < dim; d++)
      s += q[d] * load<kFormat>(elements<F>(group), key_index<F>(i % kKeyGroup, d));
    p[i] = s * scale_of<F>(group, i % kKeyGroup) * args.scale;
    max = std::max(max, p[i]);
  }
  sum = 0;
  for (int64_t i = 0; i < count; i++) sum += p[i] = std::exp(p[i] - max);
  std::fill(out, out + dim, 0.0f);
  for (int64_t i = 0; i < count; i++) {
    const void* group = args.value_groups[i / kKeyGroup];
    const float weight = p[i] * scale_of<F>(group, i % kKeyGroup);
    for (int64_t d = 0; d < dim; d++)
      out[d] += weight * load<kFormat>(elements<F>(group), value_index<F>(i % kKeyGroup, d, dim));
  }
}

}  // namespace

void convert_query(void* out, const float* q, int64_t head_dim) {
  std::copy(q, q + head_dim, static_cast<float*>(out));
}

void attention_merge(const AttentionMerge& args) {
  for (int64_t r = 0; r < args.num_rows; r++) {
    const float* span_y = args.span_y + r * args.span_stride;
    float* y = args.y + r * args.head_dim;
    const float new_max = std::max(args.max[r], args.span_max[r]);
    const float old_scale = std::exp(args.max[r] - new_max);
    const float span_scale = std::exp(args.span_max[r] - new_max);
    for (int64_t d = 0; d < args.head_dim; d++) y[d] = y[d] * old_scale + span_y[d] * span_scale;
    args.sum[r] = args.sum[r] * old_scale + args.span_sum[r] * span_scale;
    args.max[r] = new_max;
  }
}

template <KvFormat F>
void attention_span(const AttentionSpan& args) {
  float out[kMaxHeadDim];
  for (int64_t r = 0; r < args.num_rows; r++) {
    float max, sum;
    const auto* q = static_cast<const std::byte*>(args.q) + r * args.q_stride;
    span_row<F>(out, max, sum, reinterpret_cast<const float*>(q), args.counts[r], args);
    attention_merge({args.y + r * args.head_dim, args.max + r, args.sum + r, out, &max, &sum, 1,
                     args.head_dim, args.head_dim});
  }
}

template void attention_span<kKvF32>(const AttentionSpan&);
template void attention_span<kKvBf16>(const AttentionSpan&);
template void attention_span<kKvI8>(const AttentionSpan&);

}  // namespace conclave::cpu::plain

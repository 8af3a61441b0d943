// attention for f32 pages and for head_dims that matrix instructions do not take: a warp for each
// (token, head). Lanes share the keys of a span, then the dimensions of its values.
#include "cuda/attention.h"
#include "cuda/device/number_format.h"
#include "cuda/device/reduce.h"
#include "cuda/device/softmax.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32;

template <class T>
struct FormatOf;
template <>
struct FormatOf<float> : F32 {};
template <>
struct FormatOf<uint16_t> : Bf16 {};
template <>
struct FormatOf<int8_t> : Int8 {};

struct Place {
  int64_t page;
  int offset;
};

struct Head {
  const int32_t* table;
  int kv_head;
};

__device__ __forceinline__ Place place_of(const AttentionProblem& p, const Head& head,
                                          int position) {
  return {head.table[position / p.pages.page_size], position % p.pages.page_size};
}

template <class T>
__device__ __forceinline__ float key_score(const AttentionProblem& p, const Head& head,
                                           const float* q, int position) {
  const Place place = place_of(p, head, position);
  const T* key = key_row<T>(p.pages, place.page, head.kv_head, place.offset);
  float s = 0;
  for (int d = 0; d < p.pages.head_dim; d++) s += q[d] * FormatOf<T>::load(key + d);
  if (sizeof(T) == 1) s *= key_scales(p.pages, place.page, head.kv_head)[place.offset];
  return s * p.scale;
}

// weights[i] = 2^(score i − max) of the span's `count` keys, times the value's scale.
template <class T>
__device__ __forceinline__ Softmax span_weights(float* weights, const AttentionProblem& p,
                                                const Head& head, const float* q, int start,
                                                int count, int lane) {
  float scores[kSpan / 32];
  Softmax result;
  for (int j = 0; j < kSpan / 32; j++) {
    const int i = j * 32 + lane;
    scores[j] = i < count ? key_score<T>(p, head, q, start + i) : -INFINITY;
    result.max = fmaxf(result.max, scores[j]);
  }
  result.max = warp_max(result.max);
  const float base = result.max == -INFINITY ? 0.0f : result.max;
  for (int j = 0; j < kSpan / 32; j++) {
    const int i = j * 32 + lane;
    if (i >= count) continue;
    float w = hw::exp2_approx(scores[j] - base);
    result.sum += w;
    if (sizeof(T) == 1) {
      const Place place = place_of(p, head, start + i);
      w *= key_scales(p.pages, place.page, head.kv_head)[p.pages.page_size + place.offset];
    }
    weights[i] = w;
  }
  result.sum = warp_sum(result.sum);
  return result;
}

template <class T>
__device__ __forceinline__ float span_value(const AttentionProblem& p, const Head& head,
                                            const float* weights, int start, int count, int d) {
  float sum = 0;
  for (int i = 0; i < count; i++) {
    const Place place = place_of(p, head, start + i);
    const T* group = value_group<T>(p.pages, place.page, head.kv_head, place.offset);
    const int at = value_index<T>(place.offset % kValueGroup, d, p.pages.head_dim);
    sum += weights[i] * FormatOf<T>::load(group + at);
  }
  return sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads, 4) attention_dot_kernel(AttentionProblem p) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int token = static_cast<int>(blockIdx.x);
  const int j = static_cast<int>(blockIdx.y) * kWarps + warp, dim = p.pages.head_dim;
  if (j >= p.num_heads) return;
  const int s = sequence_of(p.batch, token);
  float* y = p.y + (int64_t{token} * p.num_heads + j) * dim;
  float* q = hw::shared<float>() + warp * (2 * dim + kSpan);
  float* total = q + dim;
  float* weights = total + dim;
  const float* source = p.q + (int64_t{token} * p.num_heads + j) * dim;
  for (int d = lane; d < dim; d += 32) {
    q[d] = activation<FormatOf<T>>(source[d]);
    total[d] = 0;
  }
  hw::sync_warp();
  const Head head{p.batch.page_tables + int64_t{s} * p.batch.max_pages, j / p.group};
  const int end = p.batch.kv_lengths[s] == 0 ? 0 : p.batch.positions[token] + 1;
  Softmax softmax;
  for (int start = 0; start < end; start += kSpan) {
    const int count = min(kSpan, end - start);
    const Softmax span = span_weights<T>(weights, p, head, q, start, count, lane);
    hw::sync_warp();
    const MergeScales scales = merge(softmax, span);
    for (int d = lane; d < dim; d += 32)
      total[d] = merge_value(total[d], span_value<T>(p, head, weights, start, count, d), scales);
    hw::sync_warp();
  }
  for (int d = lane; d < dim; d += 32) y[d] = end == 0 ? 0.0f : total[d] / softmax.sum;
}

}  // namespace

void attention_dot(const AttentionProblem& p, DType dtype, CudaStream& stream) {
  const hw::Grid grid{blocks(p.batch.num_tokens, 1), blocks(p.num_heads, kWarps)};
  const int64_t shared = kWarps * (2 * p.pages.head_dim + kSpan) * int64_t{sizeof(float)};
  auto run = [&](auto kernel) {
    hw::launch("attention", kernel, grid, kThreads, shared, stream.queue, p);
  };
  if (dtype == DType::f32) run(attention_dot_kernel<float>);
  else if (dtype == DType::bf16) run(attention_dot_kernel<uint16_t>);
  else run(attention_dot_kernel<int8_t>);
}

}  // namespace conclave::cuda

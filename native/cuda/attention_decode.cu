// attention of sequences with one token: the heads that share a kv head are the rows of a fragment,
// each warp takes spans of its own, and a second kernel merges them in order. Bound by memory:
// length · head_dim · 2 · s bytes a kv head, read once.
#include "cuda/attention.h"
#include "cuda/device/attend_span.h"
#include "cuda/device/row_tile.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32, kRows = 16;
constexpr int kBlocksPerMultiprocessor = 4;

template <int kDim>
__device__ __forceinline__ void store_span(const Spans& spans, const SpanResult<kDim>& span,
                                           int64_t at, int num_rows, int head_dim, int lane) {
  const int g = lane / 4, t = lane % 4;
  for (int r = 0; r < 2; r++) {
    if (g + 8 * r >= num_rows) continue;
    if (t == 0) spans.rows[at + g + 8 * r] = span.rows[r];
    float* values = spans.values + (at + g + 8 * r) * head_dim;
    for (int n = 0; n < kDim / 8; n++) {
      for (int i = 0; i < 2; i++) {
        const int d = n * 8 + 2 * t + i;
        if (d < head_dim) values[d] = span.values[n][2 * r + i];
      }
    }
  }
}

template <class T, int kDim>
__global__ void __launch_bounds__(kThreads, 2)
    attention_decode_kernel(AttentionProblem p, Spans spans, int row_tiles) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int task = static_cast<int>(blockIdx.x), first_row = task % row_tiles * kRows;
  const int kv_head = task / row_tiles % p.pages.num_kv_heads;
  const int sequence = task / row_tiles / p.pages.num_kv_heads;
  if (!is_single(p.batch, sequence)) return;
  const int num_rows = min(kRows, p.group - first_row), dim = p.pages.head_dim;
  const int token = p.batch.query_starts[sequence], length = p.batch.positions[token] + 1;
  QueryRegisters<kDim> q;
  for (int r = 0; r < 2; r++) {
    const int row = lane / 4 + 8 * r;
    const int64_t head = int64_t{token} * p.num_heads + kv_head * p.group + first_row + row;
    load_query<T, kDim>(q, row < num_rows ? p.q + head * dim : nullptr, dim, lane % 4, r);
  }
  const KvSource from{p.pages, p.batch.page_tables + int64_t{sequence} * p.batch.max_pages, kv_head,
                      length};
  const int step = static_cast<int>(gridDim.y) * kWarps;
  for (int i = static_cast<int>(blockIdx.y) * kWarps + warp; i * kSpan < length; i += step) {
    const int seen = min(length - i * kSpan, kSpan);
    const int counts[2] = {lane / 4 < num_rows ? seen : 0, lane / 4 + 8 < num_rows ? seen : 0};
    SpanResult<kDim> span;
    attend_span<T, kDim>(span, q, from, i * kSpan, counts, seen < kSpan, p.scale, lane);
    store_span(spans, span, span_at(spans, p, sequence, kv_head, i) + first_row, num_rows, dim,
               lane);
  }
}

constexpr int kMergeThreads = 128;

// A block for each (sequence, head).
__global__ void __launch_bounds__(kMergeThreads)
    attention_merge_kernel(AttentionProblem p, Spans spans) {
  const int sequence = static_cast<int>(blockIdx.x), j = static_cast<int>(blockIdx.y);
  if (!is_single(p.batch, sequence)) return;
  const int token = p.batch.query_starts[sequence], length = p.batch.positions[token] + 1;
  const int dim = p.pages.head_dim, d = static_cast<int>(threadIdx.x);
  if (d >= dim) return;
  Softmax total;
  float value = 0;
  for (int i = 0; i * kSpan < length; i++) {
    const int64_t at = span_at(spans, p, sequence, j / p.group, i) + j % p.group;
    value = merge_value(value, spans.values[at * dim + d], merge(total, spans.rows[at]));
  }
  p.y[(int64_t{token} * p.num_heads + j) * dim + d] = value / total.sum;
}

template <class T, int kDim>
void launch(const AttentionProblem& p, CudaStream& stream) {
  const int64_t num_heads = int64_t{p.batch.num_sequences} * p.pages.num_kv_heads;
  const Spans spans = spans_of(p, kSpan, stream);
  const int row_tiles = (p.group + kRows - 1) / kRows;
  const int64_t tasks = num_heads * row_tiles;
  const int64_t wanted = int64_t{stream.num_multiprocessors} * kBlocksPerMultiprocessor;
  const unsigned splits = blocks(wanted, tasks), most = blocks(spans.max_spans, kWarps);
  hw::launch("attention", attention_decode_kernel<T, kDim>,
             {static_cast<unsigned>(tasks), splits < most ? splits : most}, kThreads, 0,
             stream.queue, p, spans, row_tiles);
  hw::launch("attention", attention_merge_kernel,
             {static_cast<unsigned>(p.batch.num_sequences), static_cast<unsigned>(p.num_heads)},
             kMergeThreads, 0, stream.queue, p, spans);
}

template <class T>
void launch_for_dim(const AttentionProblem& p, CudaStream& stream) {
  if (p.pages.head_dim <= 32) return launch<T, 32>(p, stream);
  if (p.pages.head_dim <= 64) return launch<T, 64>(p, stream);
  launch<T, 128>(p, stream);
}

}  // namespace

void attention_decode(const AttentionProblem& p, DType dtype, CudaStream& stream) {
  if (dtype == DType::bf16) launch_for_dim<uint16_t>(p, stream);
  else launch_for_dim<int8_t>(p, stream);
}

}  // namespace conclave::cuda

// attention of sequences with several tokens: a warp for 16 rows, spans one after another. The
// running output lies in shared memory, each lane at its own entries.
#include "cuda/attention.h"
#include "cuda/device/attend_span.h"
#include "cuda/device/row_tile.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32, kRows = 16;

template <class T, int kDim>
struct WarpState {
  float* total;  // (kDim / 8, 4) values of this lane, 32 floats apart
  Softmax rows[2];
};

template <class T, int kDim>
__device__ __forceinline__ void merge_span(WarpState<T, kDim>& state,
                                           const SpanResult<kDim>& span) {
  const MergeScales scales[2] = {merge(state.rows[0], span.rows[0]),
                                 merge(state.rows[1], span.rows[1])};
#pragma unroll
  for (int n = 0; n < kDim / 8; n++) {
    for (int i = 0; i < 4; i++) {
      float& total = state.total[(n * 4 + i) * 32];
      total = merge_value(total, span.values[n][i], scales[i / 2]);
    }
  }
}

template <class T, int kDim>
__global__ void __launch_bounds__(kThreads, 2)
    attention_prefill_kernel(AttentionProblem p, bool all) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4, kv_head = static_cast<int>(blockIdx.y);
  const RowTile tile =
      find_tile<kRows>(p.batch, p.group, static_cast<int>(blockIdx.x) * kWarps + warp, all);
  if (tile.num_rows == 0) return;  // the whole warp
  const int dim = p.pages.head_dim;
  int64_t at[2];
  int seen[2];  // positions that rows g and g + 8 see
  QueryRegisters<kDim> q;
  for (int r = 0; r < 2; r++) {
    const int row = g + 8 * r, token = tile.first_token + (tile.first_row + row) / p.group;
    const int head = kv_head * p.group + (tile.first_row + row) % p.group;
    const bool there = row < tile.num_rows;
    at[r] = (int64_t{token} * p.num_heads + head) * dim;
    seen[r] = there ? p.batch.positions[token] + 1 : 0;
    load_query<T, kDim>(q, there ? p.q + at[r] : nullptr, dim, t, r);
  }
  const KvSource from{p.pages, p.batch.page_tables + int64_t{tile.sequence} * p.batch.max_pages,
                      kv_head, p.batch.kv_lengths[tile.sequence]};
  const int first_seen = p.batch.positions[tile.first_token + tile.first_row / p.group] + 1;
  const int last = tile.first_row + tile.num_rows - 1;
  const int end = p.batch.positions[tile.first_token + last / p.group] + 1;
  WarpState<T, kDim> state{hw::shared<float>() + warp * kRows * kDim + lane, {}};
  for (int i = 0; i < kDim / 2; i++) state.total[i * 32] = 0;
  for (int start = 0; start < end; start += kSpan) {
    const int counts[2] = {min(max(seen[0] - start, 0), kSpan),
                           min(max(seen[1] - start, 0), kSpan)};
    SpanResult<kDim> span;
    attend_span<T, kDim>(span, q, from, start, counts, first_seen < start + kSpan, p.scale, lane);
    merge_span(state, span);
  }
  for (int n = 0; n < kDim / 8; n++) {
    for (int i = 0; i < 4; i++) {
      const int d = n * 8 + 2 * t + i % 2;
      if (g + 8 * (i / 2) < tile.num_rows && d < dim)
        p.y[at[i / 2] + d] = state.total[(n * 4 + i) * 32] / state.rows[i / 2].sum;
    }
  }
}

template <class T, int kDim>
void launch(const AttentionProblem& p, bool all, CudaStream& stream) {
  // Every sequence may end in a tile that is not full.
  const int64_t max_tiles = int64_t{p.batch.num_tokens} * p.group / kRows + p.batch.num_sequences;
  hw::launch("attention", attention_prefill_kernel<T, kDim>,
             {blocks(max_tiles, kWarps), blocks(p.pages.num_kv_heads, 1)}, kThreads,
             kWarps * kRows * kDim * int64_t{sizeof(float)}, stream.queue, p, all);
}

template <class T>
void launch_for_dim(const AttentionProblem& p, bool all, CudaStream& stream) {
  if (p.pages.head_dim <= 32) return launch<T, 32>(p, all, stream);
  if (p.pages.head_dim <= 64) return launch<T, 64>(p, all, stream);
  launch<T, 128>(p, all, stream);
}

}  // namespace

void attention_prefill(const AttentionProblem& p, DType dtype, bool all, CudaStream& stream) {
  if (dtype == DType::bf16) launch_for_dim<uint16_t>(p, all, stream);
  else launch_for_dim<int8_t>(p, all, stream);
}

}  // namespace conclave::cuda

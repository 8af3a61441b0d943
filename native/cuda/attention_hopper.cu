// attention of sequences with several tokens on Hopper: a block has 128 rows of one sequence and kv
// head, two warpgroups of 64, and goes through the spans in front of them; the running output lies
// in registers. Bound by matrix instructions: 4 · rows · length · head_dim operations.
#include "cuda/attention.h"
#include "cuda/device/hopper_kv.h"
#include "cuda/device/row_tile.h"

namespace conclave::cuda {

namespace {

constexpr int kRows = 2 * kHopperRows;

// The spans of one sequence.
struct TileWalk {
  KvSource from;
  int at;
  int64_t left;
  __device__ __forceinline__ const KvSource& source() const { return from; }
  __device__ __forceinline__ int span() const { return at; }
  __device__ __forceinline__ void next() { at++, left--; }
};

template <class T, int kDim>
__device__ __forceinline__ void consume(const AttentionProblem& p, const RowTile& tile,
                                        const TileWalk& walk, int first_seen) {
  using R = AttentionRing<T, kDim>;
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;
  const int lane = static_cast<int>(threadIdx.x) % 32, t = lane % 4;
  const int row0 =
      warpgroup * kHopperRows + static_cast<int>(threadIdx.x) % 128 / 32 * 16 + lane / 4;
  const int dim = p.pages.head_dim;
  const auto row_at = [&](int row) {
    const int r = tile.first_row + row, token = tile.first_token + r / p.group;
    const int head = walk.from.kv_head * p.group + r % p.group;
    return (int64_t{token} * p.num_heads + head) * dim;
  };
  write_queries<T, kDim>(warpgroup, dim, [&](int r) {
    const int row = warpgroup * kHopperRows + r;
    return row < tile.num_rows ? p.q + row_at(row) : nullptr;
  });
  int seen[2];  // positions that this thread's rows see
  for (int r = 0; r < 2; r++) {
    const int row = row0 + 8 * r, token = tile.first_token + (tile.first_row + row) / p.group;
    seen[r] = row < tile.num_rows ? p.batch.positions[token] + 1 : 0;
  }
  float total[kDim / 2] = {};
  Softmax rows[2];
  RingPlace<R::kStages> place;
  for (int i = 0; i < walk.left; i++) {
    const int start = i * kHopperSpan;
    const SpanView view{
        i,
        {min(max(seen[0] - start, 0), kHopperSpan), min(max(seen[1] - start, 0), kHopperSpan)},
        min(max(first_seen - start, 0), kHopperSpan)};
    HopperSpan<kDim> span;
    attend_hopper_span<T, kDim>(span, warpgroup, place, walk.from, view, {1, kConsumers, 0},
                                p.scale);
    const MergeScales scales[2] = {merge(rows[0], span.rows[0]), merge(rows[1], span.rows[1])};
#pragma unroll
    for (int n = 0; n < kDim / 2; n++)
      total[n] = merge_value(total[n], span.values[n], scales[n % 4 / 2]);
  }
#pragma unroll
  for (int n = 0; n < kDim / 2; n++) {
    const int row = row0 + 8 * (n % 4 / 2), d = n / 4 * 8 + 2 * t + n % 2;
    if (row < tile.num_rows && d < dim) p.y[row_at(row) + d] = total[n] / rows[n % 4 / 2].sum;
  }
}

template <class T, int kDim>
__global__ void __launch_bounds__(AttentionRing<T, kDim>::kThreads, 1)
    attention_hopper_kernel(AttentionProblem p, int run, CONCLAVE_MAP_PARAMETER keys,
                            CONCLAVE_MAP_PARAMETER values) {
  using R = AttentionRing<T, kDim>;
  const RowTile tile = find_tile<kRows>(p.batch, p.group, static_cast<int>(blockIdx.x), false);
  // The batch's arrays were there before the first kernel of the step; nothing else may be yet.
  R::init(kConsumerWarps);
  hw::wait_for_kernels_before();
  if (tile.num_rows == 0) return;  // the whole block
  const int last = tile.first_row + tile.num_rows - 1;
  const int end = p.batch.positions[tile.first_token + last / p.group] + 1;
  const TileWalk walk{{p.pages, p.batch.page_tables + int64_t{tile.sequence} * p.batch.max_pages,
                       static_cast<int>(blockIdx.y), p.batch.kv_lengths[tile.sequence]},
                      0,
                      (end + kHopperSpan - 1) / kHopperSpan};
  if (uniform_warp() >= kConsumerWarps)
    return produce_spans<T, kDim>(walk, p.pages.head_dim, run, &keys, &values);
  hw::take_registers<kConsumerRegisters>();
  consume<T, kDim>(p, tile, walk,
                   p.batch.positions[tile.first_token + tile.first_row / p.group] + 1);
}

template <class T, int kDim>
void launch(const AttentionProblem& p, const KvRegion& region, CudaStream& stream) {
  using R = AttentionRing<T, kDim>;
  // Every sequence may end in a tile that is not full.
  const int64_t max_tiles = int64_t{p.batch.num_tokens} * p.group / kRows + p.batch.num_sequences;
  const KvMaps maps = kv_maps(region);
  hw::launch(
      "attention", attention_hopper_kernel<T, kDim>,
      {.x = static_cast<unsigned>(max_tiles), .y = blocks(p.pages.num_kv_heads, 1), .early = true},
      R::kThreads, R::kSharedBytes, stream.queue, p, maps.run, maps.keys, maps.values);
}

}  // namespace

bool can_take_hopper(const AttentionProblem& p, const KvRegion& region, const CudaStream& stream) {
  // A box begins at a row that an int can say.
  const int64_t num_rows = region.num_pages * p.pages.page_bytes / kNarrowBoxRowBytes;
  return stream.is_hopper && p.group <= kHopperRows && num_rows <= INT32_MAX;
}

void attention_hopper(const AttentionProblem& p, const KvRegion& region, CudaStream& stream) {
  with_ring(region,
            [&]<class T, int kDim>(AttentionRing<T, kDim>) { launch<T, kDim>(p, region, stream); });
}

}  // namespace conclave::cuda

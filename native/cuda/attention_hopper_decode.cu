// attention of sequences with one token on Hopper: the spans of all (sequence, kv head) in a row,
// cut on the card into as many pieces as there are blocks. A block brings its spans in order; its
// two warpgroups take them in turns, the heads that share a kv head as rows, and who finishes the
// last span of a head merges them all in order. Bound by memory: length · head_dim · 2 · s bytes a
// kv head, read once.
#include "cuda/attention.h"
#include "cuda/device/hopper_kv.h"
#include "cuda/device/reduce.h"
#include "cuda/device/row_tile.h"

namespace conclave::cuda {

namespace {

__device__ __forceinline__ int num_spans(const DeviceBatch& batch, int sequence) {
  if (sequence >= batch.num_sequences || !is_single(batch, sequence)) return 0;
  return (batch.kv_lengths[sequence] + kHopperSpan - 1) / kHopperSpan;
}

// The spans of a block: sequence by sequence, kv head by kv head.
struct BlockWalk {
  DeviceBatch batch;
  KvPages pages;
  int sequence, kv_head, at, spans;  // spans: of the sequence
  int64_t left;
  __device__ __forceinline__ KvSource source() const {
    return {pages, batch.page_tables + int64_t{sequence} * batch.max_pages, kv_head,
            batch.kv_lengths[sequence]};
  }
  __device__ __forceinline__ int span() const { return at; }
  __device__ __forceinline__ void next() {
    if (--left == 0 || ++at < spans) return;
    at = 0;
    if (++kv_head < pages.num_kv_heads) return;
    kv_head = 0;
    do spans = num_spans(batch, ++sequence);
    while (spans == 0);
  }
};

// By each warp, with all lanes.
__device__ __forceinline__ BlockWalk walk_of_block(const AttentionProblem& p) {
  const int lane = static_cast<int>(threadIdx.x) % 32, heads = p.pages.num_kv_heads;
  int total = 0;
  for (int s = lane; s < p.batch.num_sequences; s += 32) total += num_spans(p.batch, s);
  for (int mask = 16; mask > 0; mask /= 2) total += hw::shfl_xor(total, mask);
  const int64_t all = int64_t{total} * heads, blocks = gridDim.x, block = blockIdx.x;
  const int64_t first = all * block / blocks;
  BlockWalk walk{p.batch, p.pages, 0, 0, 0, 0, all * (block + 1) / blocks - first};
  // The sequence whose spans, counted over all before it, hold that of `first`.
  const int wanted = static_cast<int>(first / heads);
  int before = 0;
  for (int base = 0; base < p.batch.num_sequences; base += 32) {
    const int mine = num_spans(p.batch, base + lane);
    int up_to = mine;
    for (int step = 1; step < 32; step *= 2) {
      const int other = hw::shfl(up_to, (lane - step) & 31);
      if (lane >= step) up_to += other;
    }
    const int found = hw::count_bits(hw::ballot(before + up_to <= wanted));
    if (found < 32) {
      const int64_t within = first - int64_t{before + hw::shfl(up_to - mine, found)} * heads;
      walk.sequence = base + found;
      walk.spans = hw::shfl(mine, found);
      walk.kv_head = static_cast<int>(within / walk.spans);
      walk.at = static_cast<int>(within % walk.spans);
      break;
    }
    before += hw::shfl(up_to, 31);
  }
  return walk;
}

template <int kDim>
__device__ __forceinline__ void store_span(const Spans& spans, const HopperSpan<kDim>& span,
                                           int64_t at, int row0, const AttentionProblem& p,
                                           int lane) {
  const int dim = p.pages.head_dim, t = lane % 4;
  for (int r = 0; r < 2; r++) {
    if (t == 0 && row0 + 8 * r < p.group) spans.rows[at + row0 + 8 * r] = span.rows[r];
  }
#pragma unroll
  for (int n = 0; n < kDim / 2; n++) {
    const int row = row0 + 8 * (n % 4 / 2), d = n / 4 * 8 + 2 * t + n % 2;
    if (row < p.group && d < dim) spans.values[(at + row) * dim + d] = span.values[n];
  }
}

// By a warpgroup: the spans of a (sequence, kv head), merged in order. `scales`: memory for
// kMergeScales of them, which is what rows wait in for their values.
template <int kMergeScales>
__device__ __forceinline__ void merge_spans(MergeScales* scales, const Spans& spans,
                                            const AttentionProblem& p, const BlockWalk& walk,
                                            int barrier) {
  const int thread = static_cast<int>(threadIdx.x) % 128, dim = p.pages.head_dim;
  const int64_t first = span_at(spans, p, walk.sequence, walk.kv_head, 0);
  const int64_t y =
      (int64_t{p.batch.query_starts[walk.sequence]} * p.num_heads + walk.kv_head * p.group) * dim;
  const int per_turn = kMergeScales / p.group;
  Softmax total;
  for (int start = 0; start < walk.spans; start += per_turn) {
    const int count = min(per_turn, walk.spans - start);
    const Softmax* rows = spans.rows + first + int64_t{start} * p.group;
    const float* values = spans.values + (first + int64_t{start} * p.group) * dim;
    auto* loaded = reinterpret_cast<Softmax*>(scales);
    for (int i = thread; i < count * p.group; i += 128) loaded[i] = rows[i];
    hw::named_barrier(barrier, 128);
    for (int i = 0; thread < p.group && i < count; i++)
      scales[i * p.group + thread] = merge(total, loaded[i * p.group + thread]);
    hw::named_barrier(barrier, 128);
    const bool ends = start + count == walk.spans;
    for (int i = thread; i < p.group * dim; i += 128) {
      const int row = i / dim;
      float value = start == 0 ? 0.0f : p.y[y + i];
      for (int s = 0; s < count; s++)
        value =
            merge_value(value, values[int64_t{s} * p.group * dim + i], scales[s * p.group + row]);
      p.y[y + i] = value;
    }
    hw::named_barrier(barrier, 128);
    if (!ends) continue;
    auto* sums = reinterpret_cast<float*>(scales);
    if (thread < p.group) sums[thread] = total.sum;
    hw::named_barrier(barrier, 128);
    for (int i = thread; i < p.group * dim; i += 128) p.y[y + i] = p.y[y + i] / sums[i / dim];
  }
}

template <class T, int kDim>
__device__ __forceinline__ void consume(const AttentionProblem& p, const Spans& spans, int* tickets,
                                        BlockWalk walk) {
  using R = AttentionRing<T, kDim>;
  const int warpgroup = uniform_warp() / 4, barrier = 2 + warpgroup;
  const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
  const int row0 = thread / 32 * 16 + lane / 4, dim = p.pages.head_dim;
  int has = -1;  // the (sequence, kv head) whose queries lie in shared memory
  RingPlace<R::kStages> place;
  for (int turn = 0; walk.left > 0; turn ^= 1, walk.next()) {
    if (turn != warpgroup) {  // the other's keys and values
      place.next();
      place.next();
      continue;
    }
    const int head = walk.sequence * p.pages.num_kv_heads + walk.kv_head;
    if (head != has) {
      const float* q = p.q + (int64_t{p.batch.query_starts[walk.sequence]} * p.num_heads +
                              walk.kv_head * p.group) *
                                 dim;
      write_queries<T, kDim>(warpgroup, dim,
                             [&](int row) { return row < p.group ? q + row * dim : nullptr; });
      has = head;
    }
    const KvSource from = walk.source();
    const int seen = min(from.length - walk.at * kHopperSpan, kHopperSpan);
    HopperSpan<kDim> span;
    attend_hopper_span<T, kDim>(
        span, warpgroup, place, from,
        {walk.at, {row0 < p.group ? seen : 0, row0 + 8 < p.group ? seen : 0}, seen},
        {barrier, 128, 2 * warpgroup}, p.scale);
    store_span(spans, span, span_at(spans, p, walk.sequence, walk.kv_head, walk.at), row0, p, lane);
    hw::named_barrier(barrier, 128);
    int* done = R::word(4 + warpgroup);
    if (thread == 0) {
      hw::fence_device();
      *done = hw::atomic_add(tickets + head, 1) + 1;
      hw::fence_device();
    }
    hw::named_barrier(barrier, 128);
    if (*done != walk.spans) continue;
    // No span of this head is left to attend: its queries make room.
    merge_spans<R::kQueryBytes / static_cast<int>(sizeof(MergeScales))>(
        reinterpret_cast<MergeScales*>(R::queries(warpgroup)), spans, p, walk, barrier);
    if (thread == 0) tickets[head] = 0;
    hw::named_barrier(barrier, 128);
  }
}

template <class T, int kDim>
__global__ void __launch_bounds__(AttentionRing<T, kDim>::kThreads, 1)
    attention_hopper_decode_kernel(AttentionProblem p, Spans spans, int* tickets, int run,
                                   CONCLAVE_MAP_PARAMETER keys, CONCLAVE_MAP_PARAMETER values) {
  using R = AttentionRing<T, kDim>;
  // The batch's arrays were there before the first kernel of the step; nothing else may be yet.
  const BlockWalk walk = walk_of_block(p);
  R::init(kConsumerWarps / 2);
  hw::wait_for_kernels_before();
  if (walk.left == 0) return;  // the whole block
  if (uniform_warp() >= kConsumerWarps)
    return produce_spans<T, kDim>(walk, p.pages.head_dim, run, &keys, &values);
  hw::take_registers<kConsumerRegisters>();
  consume<T, kDim>(p, spans, tickets, walk);
}

template <class T, int kDim>
void launch(const AttentionProblem& p, const KvRegion& region, CudaStream& stream) {
  using R = AttentionRing<T, kDim>;
  const KvMaps maps = kv_maps(region);
  const Spans spans = spans_of(p, kHopperSpan, stream);
  int* tickets = stream.tickets(int64_t{p.batch.num_sequences} * p.pages.num_kv_heads);
  // No more blocks than spans could be there.
  const int64_t most = int64_t{p.batch.num_sequences} * p.pages.num_kv_heads * spans.max_spans;
  hw::launch("attention", attention_hopper_decode_kernel<T, kDim>,
             {.x = static_cast<unsigned>(std::min<int64_t>(stream.num_multiprocessors, most)),
              .early = true},
             R::kThreads, R::kSharedBytes, stream.queue, p, spans, tickets, maps.run, maps.keys,
             maps.values);
}

}  // namespace

void attention_hopper_decode(const AttentionProblem& p, const KvRegion& region,
                             CudaStream& stream) {
  with_ring(region,
            [&]<class T, int kDim>(AttentionRing<T, kDim>) { launch<T, kDim>(p, region, stream); });
}

}  // namespace conclave::cuda

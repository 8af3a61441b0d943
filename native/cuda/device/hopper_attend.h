#pragma once
// Attention on Hopper: what a block keeps in shared memory, and what its two consuming warpgroups
// do with a span of 128 positions. A warpgroup has 64 rows of queries (token, head of the group) of
// one kv head; the rows of a page are read once for all of them.
//   queries  for each warpgroup (64, kDim) in bf16: parts of 64 dimensions in rows of 128 bytes
//   tiles    a ring; keys and values of a span take turns
//     keys     (128, kDim) in bf16: parts as of the queries
//     values   8 groups of 16 positions, (kDim, 16) in bf16: rows of 32 bytes
//            int8: with the scales of their positions
//   full     an mbarrier a tile: what the producers bring is there
//   empty    an mbarrier a tile: every consuming warp has read it
// S (64 × 128) = Q Kᵀ and O (64 × kDim) = P V are products of wgmma; P stays in registers. Each
// span starts from zero and is merged in order (device/softmax.h), and a row's arithmetic does not
// depend on the rows beside it: a token alone has the bits of the same token in a prompt.
// Dimensions from head_dim on are zeros in queries and keys, and left out of what is stored.
#include "cuda/device/attend_span.h"
#include "cuda/device/fragments.h"
#include "cuda/device/hopper_tile.h"

namespace conclave::cuda {

constexpr int kHopperSpan = 128, kHopperSpanGroups = kHopperSpan / kValueGroup;
constexpr int kHopperRows = 64;  // of a warpgroup

template <class T, int kDim>
struct AttentionRing {
  static constexpr bool kWidens = sizeof(T) == 1;
  static constexpr int kStages = 4, kRowBytes = kHopperStep * 2;
  // Where the warpgroups take spans in turns, a stage is always the same one's: who leaves a phase
  // of an mbarrier out cannot tell it from the next but one.
  static_assert(kStages % 4 == 0);
  static constexpr int kProducers = 128, kThreads = kConsumers + kProducers;
  static constexpr int kQueryBytes = kHopperRows * kDim * 2, kTileBytes = kHopperSpan * kDim * 2;
  static constexpr int kGroupBytes = kDim * kNarrowBoxRowBytes;  // of 16 positions of values
  // int8: tiles as they lie in pages, before they are widened.
  static constexpr int kRawStages = kWidens ? 3 : 0, kRawBytes = kHopperSpan * kDim;
  static constexpr int kScaleBytes = kHopperSpan * static_cast<int>(sizeof(float));
  static constexpr int kTilesAt = 2 * kQueryBytes, kRawAt = kTilesAt + kStages * kTileBytes;
  static constexpr int kScalesAt = kRawAt + kRawStages * kRawBytes;
  static constexpr int kNumScales = kWidens ? kStages + kRawStages : 0;
  static constexpr int kBarriersAt = kScalesAt + kNumScales * kScaleBytes;
  static constexpr int kNumBarriers = 2 * (kStages + kRawStages), kNumWords = 8;
  // Whole atoms keep the start of shared memory on 1024 bytes.
  static constexpr int kSharedBytes =
      (kBarriersAt + kNumBarriers * 8 + kNumWords * 4 + 1023) & ~1023;

  __device__ __forceinline__ static char* queries(int warpgroup) {
    return hw::shared<char>() + warpgroup * kQueryBytes;
  }
  __device__ __forceinline__ static char* tile(int stage) {
    return hw::shared<char>() + kTilesAt + stage * kTileBytes;
  }
  __device__ __forceinline__ static float* scales(int stage) {
    return reinterpret_cast<float*>(hw::shared<char>() + kScalesAt + stage * kScaleBytes);
  }
  __device__ __forceinline__ static uint64_t* full(int stage) {
    return reinterpret_cast<uint64_t*>(hw::shared<char>() + kBarriersAt) + stage;
  }
  __device__ __forceinline__ static uint64_t* empty(int stage) { return full(kStages + stage); }

  __device__ __forceinline__ static char* raw(int stage) {
    return hw::shared<char>() + kRawAt + stage * kRawBytes;
  }
  __device__ __forceinline__ static float* raw_scales(int stage) { return scales(kStages + stage); }
  __device__ __forceinline__ static uint64_t* raw_full(int stage) {
    return full(2 * kStages + stage);
  }
  __device__ __forceinline__ static uint64_t* raw_empty(int stage) {
    return full(2 * kStages + kRawStages + stage);
  }
  // Words that threads tell each other something in.
  __device__ __forceinline__ static int* word(int i) {
    return reinterpret_cast<int*>(full(kNumBarriers)) + i;
  }

  // By the whole block, before anything else. `readers`: warps that read a tile.
  __device__ __forceinline__ static void init(int readers) {
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; stage++) {
        hw::mbarrier_init(full(stage), kWidens ? kProducers / 32 : 1);
        hw::mbarrier_init(empty(stage), readers);
      }
      for (int stage = 0; stage < kRawStages; stage++) {
        hw::mbarrier_init(raw_full(stage), 1);
        hw::mbarrier_init(raw_empty(stage), kProducers / 32);
      }
      for (int i = 0; i < kNumWords; i++) *word(i) = -1;
      hw::fence_async_proxy();
    }
    hw::sync_block();
  }
};

// Threads that work on a tile together: a named barrier for them, and two words, which spans use in
// turns: who is a span ahead does not write over what others have yet to read.
struct Team {
  int barrier, threads, words;
};

// By a warpgroup: its 64 rows, row r from source(r), or zeros where that is null.
template <class T, int kDim, class Source>
__device__ __forceinline__ void write_queries(int warpgroup, int head_dim, Source source) {
  using R = AttentionRing<T, kDim>;
  constexpr int kPieces = kDim / 8;  // of a row
  char* to = R::queries(warpgroup);
  for (int i = static_cast<int>(threadIdx.x) % 128; i < kHopperRows * kPieces; i += 128) {
    const int row = i / kPieces, piece = i % kPieces;
    const float* from = piece * 8 < head_dim ? source(row) : nullptr;
    *reinterpret_cast<uint4*>(to + piece / 8 * kHopperRows * R::kRowBytes + row * R::kRowBytes +
                              (piece % 8 ^ row % 8) * 16) =
        from == nullptr ? uint4{} : round_eight<Bf16>(from + piece * 8);
  }
  hw::fence_async_proxy();
  hw::named_barrier(2 + warpgroup, 128);
}

// What a warpgroup does with a span: a thread has rows g and g + 8 of its warp's 16.
template <int kDim>
struct HopperSpan {
  float values[kDim / 2];  // 4·n + i: entry i of dimensions 8n …
  Softmax rows[2];
};

// S: 4·j + i is entry i of positions 8j ….
template <class T, int kDim, int kStages>
__device__ __forceinline__ void hopper_scores(float (&s)[kHopperSpan / 2], int warpgroup,
                                              const RingPlace<kStages>& place, float scale,
                                              int lane) {
  using R = AttentionRing<T, kDim>;
  constexpr int kParts = kDim / kHopperStep, kSteps = kHopperStep / 16;
  hw::mbarrier_wait(R::full(place.stage), place.parity);
  const uint64_t a = hw::matrix_descriptor(R::queries(warpgroup));
  const uint64_t b = hw::matrix_descriptor(R::tile(place.stage));
  hw::wgmma_fence();
  hw::wgmma<kHopperSpan, true>(s, a, b);
#pragma unroll
  for (int i = 1; i < kParts * kSteps; i++) {
    const int at = i % kSteps * 32, part = i / kSteps * R::kRowBytes;
    hw::wgmma<kHopperSpan>(s, hw::descriptor_step(a, part * kHopperRows + at),
                           hw::descriptor_step(b, part * kHopperSpan + at));
  }
  hw::wgmma_commit();
  hw::wgmma_wait<0>();
  hw::settle(s);
  const float* scales = R::scales(place.stage);
#pragma unroll
  for (int i = 0; i < kHopperSpan / 2; i++) {
    if constexpr (R::kWidens) s[i] = hw::mul(s[i], scales[i / 4 * 8 + lane % 4 * 2 + i % 2]);
    s[i] = hw::mul(s[i], scale);
  }
  if constexpr (R::kWidens) hw::sync_warp();  // all lanes have read their scales
  if (lane == 0) hw::mbarrier_arrive(R::empty(place.stage));
}

// bf16, by the team: zeros what is not finite of the positions from `least` on, which some row does
// not see and would multiply by zero. True where there was any before position `end`.
template <int kDim>
__device__ __forceinline__ bool clean_values(char* tile, int head_dim, int least, int end,
                                             const Team& team, int span) {
  using R = AttentionRing<uint16_t, kDim>;
  const int pieces = 2 * head_dim, first = least / kValueGroup;  // pieces of a group: 8 positions
  bool seen = false;
  for (int i = static_cast<int>(threadIdx.x) % team.threads;
       i < (kHopperSpanGroups - first) * pieces; i += team.threads) {
    const int group = first + i / pieces, d = i % pieces / 2, half = i % 2;
    const int at = group * kValueGroup + half * 8;
    auto* piece = reinterpret_cast<uint4*>(tile + group * R::kGroupBytes + d * kNarrowBoxRowBytes +
                                           (half ^ d / 4 % 2) * 16);
    const uint4 w = hw::load16(piece);
    uint32_t words[4] = {w.x, w.y, w.z, w.w};
    bool changed = false;
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const uint32_t exponent = 0x7f80u << j % 2 * 16, kept = j % 2 ? 0x0000ffffu : 0xffff0000u;
      if (at + j < least || (words[j / 2] & exponent) != exponent) continue;
      words[j / 2] &= kept;
      changed = true;
      seen |= at + j < end;
    }
    if (changed) *piece = {words[0], words[1], words[2], words[3]};
  }
  hw::fence_async_proxy();
  int* word = R::word(team.words + span % 2);
  if (seen) *word = span;
  hw::named_barrier(team.barrier, team.threads);
  return *word == span;
}

// What of a span every row of the team sees, and who reads it.
struct SpanView {
  int index;      // of the span
  int counts[2];  // how many of its positions this thread's rows see
  int least;      // how many every row of the team sees
};

// The span at `place` (keys) and behind it (values). The ring then stands behind both.
template <class T, int kDim, int kStages>
__device__ __forceinline__ void attend_hopper_span(HopperSpan<kDim>& result, int warpgroup,
                                                   RingPlace<kStages>& place, const KvSource& from,
                                                   const SpanView& view, const Team& team,
                                                   float scale) {
  using R = AttentionRing<T, kDim>;
  const int lane = static_cast<int>(threadIdx.x) % 32, start = view.index * kHopperSpan;
  uint32_t p[kHopperSpanGroups][4];
  {
    float s[kHopperSpan / 2];
    hopper_scores<T, kDim>(s, warpgroup, place, scale, lane);
    place.next();
    span_softmax<kHopperSpan>(
        result.rows, view.counts, [&](int j, int n) -> float& { return s[j * 4 + n]; },
        [&](int j, int n) { return j * 8 + lane % 4 * 2 + n % 2; });
    hw::mbarrier_wait(R::full(place.stage), place.parity);
    if constexpr (R::kWidens) {
      const float* scales = R::scales(place.stage);
#pragma unroll
      for (int i = 0; i < kHopperSpan / 2; i++) {
        const int position = i / 4 * 8 + lane % 4 * 2 + i % 2;
        // The scale of a position that nobody has written may be anything.
        s[i] = position < view.counts[i % 4 / 2] ? hw::mul(s[i], scales[position]) : 0.0f;
      }
    }
#pragma unroll
    for (int i = 0; i < kHopperSpan / 4; i++)
      p[i / 4][i % 4] = hw::pack_bf16(s[2 * i], s[2 * i + 1]);
  }
  bool overflow = false;
  if constexpr (!R::kWidens) {
    if (view.least < kHopperSpan)
      overflow = clean_values<kDim>(R::tile(place.stage), from.pages.head_dim, view.least,
                                    from.length - start, team, view.index);
  }
  const uint64_t b = hw::matrix_descriptor<kNarrowBoxRowBytes>(R::tile(place.stage));
#pragma unroll
  for (int i = 0; i < kHopperSpanGroups; i++) hw::settle(p[i]);
  hw::wgmma_fence();
  hw::wgmma<kDim, true>(result.values, p[0], b);
#pragma unroll
  for (int i = 1; i < kHopperSpanGroups; i++)
    hw::wgmma<kDim>(result.values, p[i], hw::descriptor_step(b, i * R::kGroupBytes));
  hw::wgmma_commit();
  hw::wgmma_wait<0>();
  hw::settle(result.values);
  if (lane == 0) hw::mbarrier_arrive(R::empty(place.stage));
  place.next();
  if (overflow) {
    for (int part = 0; part < kHopperSpan / kSpan; part++) {
      const int counts[2] = {min(max(view.counts[0] - part * kSpan, 0), kSpan),
                             min(max(view.counts[1] - part * kSpan, 0), kSpan)};
      mark_overflow<T, kDim>(from, start + part * kSpan, counts, lane,
                             [&](int i) -> float& { return result.values[i]; });
    }
  }
}

}  // namespace conclave::cuda

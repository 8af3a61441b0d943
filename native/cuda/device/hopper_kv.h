#pragma once
// Attention on Hopper: what the producing warps do. Pages are the unit: a run of positions that lie
// in one page comes in one copy, span after span, keys then values.
//   bf16  one warp of four: TMA brings keys and values as wgmma reads them
//   int8  four warps: bytes come as they lie into a ring of their own, and are widened, exactly, to
//         bf16 into the tiles
// A copy behind the last run of a sequence brings that run again: nobody sees it.
#include "cuda/device/hopper_attend.h"

namespace conclave::cuda {

// Registers of a thread that brings and of one that multiplies: all threads alike could not have
// what the latter needs.
constexpr int kProducerRegisters = 56, kConsumerRegisters = 224;

// Positions of one copy: what a page and a span can be cut into.
inline int run_positions(int page_size) {
  int run = kHopperSpan;
  while (page_size % run != 0) run /= 2;  // pages are multiples of 16
  return run;
}

// Calls launch with the ring of the pages' format, of a head_dim that theirs fits in.
template <class Launch>
void with_ring(const KvRegion& region, Launch launch) {
  const bool is_narrow = region.head_dim <= 64;
  if (region.dtype == DType::bf16) {
    if (is_narrow) return launch(AttentionRing<uint16_t, 64>{});
    return launch(AttentionRing<uint16_t, 128>{});
  }
  if (is_narrow) return launch(AttentionRing<int8_t, 64>{});
  launch(AttentionRing<int8_t, 128>{});
}

struct KvMaps {
  int run;                 // positions
  TensorMap keys, values;  // bf16: boxes of (run, 64 dimensions), of (head_dim, 16 positions)
};

inline KvMaps kv_maps(const KvRegion& region) {
  KvMaps maps{run_positions(static_cast<int>(region.page_size)), {}, {}};
  if (region.dtype != DType::bf16) return maps;
  const int64_t num_values = region.num_pages * pages_of(region).page_bytes / 2;
  maps.keys =
      make_tensor_map(region.data, 2, num_values / region.head_dim, region.head_dim, maps.run);
  maps.values = make_tensor_map(region.data, 2, num_values / kValueGroup, kValueGroup,
                                static_cast<int>(region.head_dim), kNarrowBoxRowBytes);
  return maps;
}

// Where run `i` of a span begins.
__device__ __forceinline__ GroupPlace run_place(const KvSource& from, int span, int i, int run) {
  const int last = (from.length - 1) / run * run;
  const int p = min(span * kHopperSpan + i * run, last);
  return {from.table[p / from.pages.page_size], p % from.pages.page_size};
}

// ---- bf16

template <int kDim>
using Bf16Ring = AttentionRing<uint16_t, kDim>;

// Rows of 16 values in front of (page, head, offset).
__device__ __forceinline__ int64_t rows_before(const KvSource& from, const GroupPlace& place) {
  return (place.page * from.pages.page_bytes + from.kv_head * from.pages.head_bytes) /
         (kValueGroup * 2);
}

// By one warp: the keys and the values of a span.
template <int kDim, class Place>
__device__ __forceinline__ void bring_span(Place& place, const KvSource& from, int span, int run,
                                           const TensorMap* keys, const TensorMap* values) {
  using R = Bf16Ring<kDim>;
  constexpr int kParts = kDim / kHopperStep;
  const int lane = static_cast<int>(threadIdx.x) % 32, head_dim = from.pages.head_dim;
  hw::mbarrier_wait(R::empty(place.stage), place.parity ^ 1);
  if (lane == 0) hw::mbarrier_arrive_expect(R::full(place.stage), R::kTileBytes);
  hw::sync_warp();
  if (lane < kHopperSpan / run * kParts) {
    const int i = lane / kParts, part = lane % kParts;
    const GroupPlace at = run_place(from, span, i, run);
    const int64_t row = rows_before(from, at) * kValueGroup / head_dim + at.offset;
    hw::tma_load(R::tile(place.stage) + (part * kHopperSpan + i * run) * R::kRowBytes, keys,
                 part * kHopperStep, static_cast<int>(row), R::full(place.stage));
  }
  place.next();
  hw::mbarrier_wait(R::empty(place.stage), place.parity ^ 1);
  if (lane == 0)
    hw::mbarrier_arrive_expect(R::full(place.stage),
                               kHopperSpanGroups * head_dim * kNarrowBoxRowBytes);
  hw::sync_warp();
  if (lane < kHopperSpanGroups) {
    const GroupPlace at = run_place(from, span, lane * kValueGroup / run, run);
    const int offset = from.pages.page_size + at.offset + lane * kValueGroup % run;
    hw::tma_load(R::tile(place.stage) + lane * R::kGroupBytes, values, 0,
                 static_cast<int>(rows_before(from, at) + offset * head_dim / kValueGroup),
                 R::full(place.stage));
  }
  place.next();
}

// ---- int8

template <int kDim>
using Int8KvRing = AttentionRing<int8_t, kDim>;

// Eight bytes → bf16, in their order.
__device__ __forceinline__ uint4 widen_eight(uint2 bytes) {
  uint32_t even[2], odd[2];
  widen_int8(even[0], odd[0], bytes.x);
  widen_int8(even[1], odd[1], bytes.y);
  return {(even[0] & 0xffffu) | odd[0] << 16, even[0] >> 16 | (odd[0] & 0xffff0000u),
          (even[1] & 0xffffu) | odd[1] << 16, even[1] >> 16 | (odd[1] & 0xffff0000u)};
}

// By one warp: asks for the bytes and scales of a tile. part: 0 keys, 1 values.
template <int kDim>
__device__ __forceinline__ void bring_raw(const RingPlace<Int8KvRing<kDim>::kRawStages>& place,
                                          const KvSource& from, int span, int run, int part) {
  using R = Int8KvRing<kDim>;
  const int lane = static_cast<int>(threadIdx.x) % 32, head_dim = from.pages.head_dim;
  uint64_t* full = R::raw_full(place.stage);
  hw::mbarrier_wait(R::raw_empty(place.stage), place.parity ^ 1);
  if (lane == 0) hw::mbarrier_arrive_expect(full, kHopperSpan * head_dim + R::kScaleBytes);
  hw::sync_warp();
  if (lane < kHopperSpan / run) {
    const GroupPlace at = run_place(from, span, lane, run);
    const int offset = part * from.pages.page_size + at.offset;
    hw::bulk_load(R::raw(place.stage) + lane * run * head_dim,
                  key_row<int8_t>(from.pages, at.page, from.kv_head, offset), run * head_dim, full);
    hw::bulk_load(R::raw_scales(place.stage) + lane * run,
                  key_scales(from.pages, at.page, from.kv_head) + offset,
                  run * static_cast<int>(sizeof(float)), full);
  }
}

// By all producing warps.
template <int kDim>
__device__ __forceinline__ void widen_tile(char* tile, const char* raw, int head_dim, int part) {
  using R = Int8KvRing<kDim>;
  constexpr int kPieces = kDim / 8;
  const int thread = static_cast<int>(threadIdx.x) - kConsumers;
  if (part == 0) {
    for (int i = thread; i < kHopperSpan * kPieces; i += R::kProducers) {
      const int row = i / kPieces, piece = i % kPieces;
      *reinterpret_cast<uint4*>(tile + (piece / 8 * kHopperSpan + row) * R::kRowBytes +
                                (piece % 8 ^ row % 8) * 16) =
          piece * 8 < head_dim ? widen_eight(hw::load8(raw + row * head_dim + piece * 8)) : uint4{};
    }
    return;
  }
  for (int i = thread; i < kHopperSpanGroups * head_dim * 2; i += R::kProducers) {
    const int group = i / (2 * head_dim), d = i / 2 % head_dim, half = i % 2;
    *reinterpret_cast<uint4*>(tile + group * R::kGroupBytes + d * kNarrowBoxRowBytes +
                              (half ^ d / 4 % 2) * 16) = widen_eight(hw::load8(raw + i * 8));
  }
}

// By all producing warps: bytes of a tile that have come → the tile.
template <int kDim>
__device__ __forceinline__ void widen(const RingPlace<Int8KvRing<kDim>::kStages>& place,
                                      const RingPlace<Int8KvRing<kDim>::kRawStages>& raw,
                                      int head_dim, int part) {
  using R = Int8KvRing<kDim>;
  const int thread = static_cast<int>(threadIdx.x) - kConsumers;
  hw::mbarrier_wait(R::raw_full(raw.stage), raw.parity);
  hw::mbarrier_wait(R::empty(place.stage), place.parity ^ 1);
  widen_tile<kDim>(R::tile(place.stage), R::raw(raw.stage), head_dim, part);
  R::scales(place.stage)[thread] = R::raw_scales(raw.stage)[thread];
  hw::fence_async_proxy();
  hw::sync_warp();
  if (thread % 32 != 0) return;
  hw::mbarrier_arrive(R::raw_empty(raw.stage));
  hw::mbarrier_arrive(R::full(place.stage));
}

// By the producing warpgroup, spans one after another: next() steps to the one behind; left, how
// many there are from here on, source() and span() where they are.
template <class T, int kDim, class Walk>
__device__ __forceinline__ void produce_spans(Walk walk, int head_dim, int run,
                                              const TensorMap* keys, const TensorMap* values) {
  using R = AttentionRing<T, kDim>;
  RingPlace<R::kStages> place;
  hw::give_registers<kProducerRegisters>();
  if constexpr (!R::kWidens) {
    if (threadIdx.x / 32 != kConsumerWarps) return;
    for (; walk.left > 0; walk.next())
      bring_span<kDim>(place, walk.source(), walk.span(), run, keys, values);
  } else {
    const bool brings = threadIdx.x / 32 == kConsumerWarps;
    RingPlace<R::kRawStages> raw, asked;
    Walk ahead = walk;
    int part = 0;
    const auto ask = [&] {
      if (!brings || ahead.left == 0) return;
      bring_raw<kDim>(asked, ahead.source(), ahead.span(), run, part);
      asked.next();
      part ^= 1;
      if (part == 0) ahead.next();
    };
    for (int i = 0; i < R::kRawStages - 1; i++) ask();
    for (int64_t i = 0; i < 2 * walk.left; i++) {
      ask();
      widen<kDim>(place, raw, head_dim, static_cast<int>(i % 2));
      place.next();
      raw.next();
    }
  }
}

}  // namespace conclave::cuda

#pragma once
// Attention over bf16 pages on AMX tiles, 16 rows at a time. Groups of keys and blocks of values
// are right-hand tiles as they lie in a page. A row of a tile does not see the others, so that one
// row alone takes the same way and has the same bits. Included after bf16_tiles.h.
//
//   scores   (16 rows, 16 keys) += queries (16, 32 dimensions) · keys [16 pairs][16][2], their low
//            parts first (SplitBf16Pages says why)
//   sums     (16 rows, 16 dimensions) += probabilities (16, 32 positions) · values [16
//   pairs][16][2]

#include <array>

namespace conclave::cpu {
namespace {

constexpr int64_t kBlockPositions = 32, kSpanBlocks = kSpan / kBlockPositions;
constexpr int64_t kTileBytes = 1024;
constexpr int kTilesAtOnce = 4;  // of sums, the other four hold what is multiplied
constexpr int64_t kSumsStride = kMaxHeadDim + kRowTile;  // rows that do not share their cache sets

struct AttentionMemory {
  alignas(64) float scores[kRowTile][kSpan];
  alignas(64) uint16_t weights[kSpanBlocks][kRowTile][kBlockPositions];  // probabilities
  alignas(64) float sums[kRowTile][kSumsStride];
  // Copies: of keys where a step has fewer dimensions, of values where a block is not one piece or
  // ends within.
  alignas(64) uint32_t keys[kSpanGroups][kRowTile][kKeyGroup];
  alignas(64) uint32_t values[kSpanBlocks][kBlockPositions / 2][kMaxHeadDim];
  float max[kRowTile], sum[kRowTile];
};

inline AttentionMemory& attention_memory() {
  static thread_local AttentionMemory memory;
  return memory;
}

// Steps of 32 dimensions: their high parts as bf16, then their low parts.
void split_query(void* out, const float* q, int64_t head_dim) {
  auto* to = static_cast<uint16_t*>(out);
  for (int64_t d = 0; d < head_dim; d += kQueryStep, to += 2 * kQueryStep) {
    const auto part = [&](int64_t at) {
      const int64_t left = head_dim - at;
      return left >= V::kLanes ? V::load(q + at)
             : left > 0        ? V::load_part(q + at, left)
                               : V::zero();
    };
    const V::F low = part(d), high = part(d + V::kLanes);
    const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    const V::F low_rest = V::sub(low, V::widen(_mm512_castsi512_si256(rounded)));
    const V::F high_rest = V::sub(high, V::widen(_mm512_extracti64x4_epi64(rounded, 1)));
    _mm512_storeu_si512(to, rounded);
    _mm512_storeu_si512(to + kQueryStep, (__m512i)_mm512_cvtne2ps_pbh(high_rest, low_rest));
  }
}

// Turn by turn, as many as there are tiles in `count` groups, all their lines: some of each group,
// since memory answers several pages at once sooner than one.
CONCLAVE_INLINE void fetch_groups(const void* const* groups, int64_t count, int64_t turn) {
  const int64_t bytes = (kRowTile + count - 1) / count * 64;
  for (int64_t g = 0; g < count; g++) {
    const char* lines = static_cast<const char*>(groups[g]) + turn * bytes;
    for (int64_t at = 0; at < bytes; at += 64) _mm_prefetch(lines + at, _MM_HINT_T0);
  }
}

// The keys of a group's last step, zero where there are no more dimensions.
inline const void* last_keys(uint32_t (*copy)[kKeyGroup], const void* keys, int64_t num_pairs) {
  for (int64_t i = 0; i < kRowTile; i++) {
    _mm512_store_si512(copy[i], i < num_pairs
                                    ? _mm512_loadu_si512(static_cast<const char*>(keys) + i * 64)
                                    : _mm512_setzero_si512());
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return copy;
}

#define CONCLAVE_MULTIPLY_KEYS(tile, b)                                        \
  if constexpr (G > tile) {                                                    \
    const void* keys = keys_of(tile);                                          \
    if constexpr (kFetch) fetch_groups(args.value_groups, num_groups, turn++); \
    _tile_loadd(b, keys, 64);                                                  \
    _tile_dpbf16ps(tile, 5, b);                                                \
    _tile_dpbf16ps(tile, 4, b);                                                \
  }
#define CONCLAVE_STORE_SCORES(tile) \
  if constexpr (G > tile)           \
  _tile_stored(tile, memory.scores[0] + (first_group + tile) * kKeyGroup, kSpan * 4)

// Scores of G groups from first_group on.
template <int G, bool kFetch>
inline void score_tiles(AttentionMemory& memory, const AttentionSpan& args, const char* q,
                        int64_t first_group, int64_t num_groups) {
  int64_t turn = first_group * ((args.head_dim + kQueryStep - 1) / kQueryStep);
  const int64_t num_pairs = (args.head_dim + 1) / 2;
  _tile_zero(0);
  if constexpr (G > 1) _tile_zero(1);
  if constexpr (G > 2) _tile_zero(2);
  if constexpr (G > 3) _tile_zero(3);
  for (int64_t step = 0; step * kRowTile < num_pairs; step++) {
    const int64_t pairs = num_pairs - step * kRowTile;
    const auto keys_of = [&](int tile) {
      const int64_t g = first_group + tile;
      const void* keys = static_cast<const char*>(args.key_groups[g]) + step * kTileBytes;
      return pairs >= kRowTile ? keys : last_keys(memory.keys[g], keys, pairs);
    };
    _tile_loadd(4, q + step * 2 * kQueryStep * 2, args.q_stride);
    _tile_loadd(5, q + step * 2 * kQueryStep * 2 + kQueryStep * 2, args.q_stride);
    CONCLAVE_MULTIPLY_KEYS(0, 6)
    CONCLAVE_MULTIPLY_KEYS(1, 7)
    CONCLAVE_MULTIPLY_KEYS(2, 6)
    CONCLAVE_MULTIPLY_KEYS(3, 7)
  }
  CONCLAVE_STORE_SCORES(0);
  CONCLAVE_STORE_SCORES(1);
  CONCLAVE_STORE_SCORES(2);
  CONCLAVE_STORE_SCORES(3);
}

#undef CONCLAVE_MULTIPLY_KEYS
#undef CONCLAVE_STORE_SCORES

template <bool kFetch>
inline void score_rows(AttentionMemory& memory, const AttentionSpan& args, const char* q,
                       int64_t num_groups) {
  for (int64_t g = 0; g < num_groups; g += kTilesAtOnce) {
    switch (num_groups - g) {
      case 1: score_tiles<1, kFetch>(memory, args, q, g, num_groups); break;
      case 2: score_tiles<2, kFetch>(memory, args, q, g, num_groups); break;
      case 3: score_tiles<3, kFetch>(memory, args, q, g, num_groups); break;
      default: score_tiles<4, kFetch>(memory, args, q, g, num_groups); break;
    }
  }
}

inline uint64_t first_bits(int64_t n) {
  return n >= 64 ? ~uint64_t{0} : n > 0 ? (uint64_t{1} << n) - 1 : 0;
}

// Scores of `count` keys → probabilities, zero behind them, with their max and sum.
inline void weigh_row(AttentionMemory& memory, int64_t r, int64_t count, float scale) {
  constexpr int kVectors = kSpan / V::kLanes;
  const V::F lowest = V::set1(-__builtin_inff());
  const uint64_t seen[2] = {first_bits(count), first_bits(count - 64)};
  const auto mask = [&](int i) { return static_cast<__mmask16>(seen[i / 4] >> i % 4 * 16); };
  V::F p[kVectors], high[kVectors], sums[kVectors];
  CONCLAVE_UNROLL
  for (int i = 0; i < kVectors; i++) {
    const V::F s = V::mul(V::load(memory.scores[r] + i * V::kLanes), V::set1(scale));
    high[i] = p[i] = _mm512_mask_mov_ps(lowest, mask(i), s);
  }
  CONCLAVE_UNROLL
  for (int width = kVectors / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) high[i] = V::max(high[i], high[i + width]);
  }
  const float max = lane_max(high[0]);
  CONCLAVE_UNROLL
  for (int i = 0; i < kVectors; i++) {
    sums[i] = p[i] = _mm512_maskz_mov_ps(mask(i), exp(V::sub(p[i], V::set1(max))));
  }
  CONCLAVE_UNROLL
  for (int width = kVectors / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) sums[i] = V::add(sums[i], sums[i + width]);
  }
  memory.max[r] = max;
  memory.sum[r] = lane_sum(sums[0]);
  CONCLAVE_UNROLL
  for (int b = 0; b < kSpanBlocks; b++) {
    _mm512_store_si512(memory.weights[b][r], (__m512i)_mm512_cvtne2ps_pbh(p[2 * b + 1], p[2 * b]));
  }
}

// Where a block's values lie, and from one pair of positions to the next.
struct ValueBlock {
  const char* values;
  int64_t stride;
};

// Positions [0, end) of a block, zero behind them. True where those from `shared` on are finite.
inline bool copy_block(uint32_t (*copy)[kMaxHeadDim], const void* const* groups, int64_t shared,
                       int64_t end, int64_t dim) {
  constexpr int64_t kHalfPairs = kKeyGroup / 2;
  const __m512i exponent = _mm512_set1_epi16(0x7f80);
  __mmask32 endless = 0;
  for (int64_t pair = 0; pair < kBlockPositions / 2; pair++) {
    const int64_t seen = end - 2 * pair;
    const char* row =
        seen > 0 ? static_cast<const char*>(groups[pair / kHalfPairs]) + pair % kHalfPairs * dim * 4
                 : nullptr;
    const __mmask32 own = 2 * pair >= shared ? 0xffffffff : 2 * pair + 1 >= shared ? 0xaaaaaaaa : 0;
    for (int64_t d = 0; d < dim; d += V::kLanes) {
      const int64_t left = dim - d;
      __m512i v = _mm512_setzero_si512();
      if (seen > 0)
        v = left >= V::kLanes ? V::load_pairs(row + d * 4) : V::load_pairs_part(row + d * 4, left);
      if (seen == 1) v = V::keep_even(v);
      endless |= _mm512_mask_cmpeq_epi16_mask(own, _mm512_and_si512(v, exponent), exponent);
      _mm512_store_si512(copy[pair] + d, v);
    }
  }
  return endless == 0;
}

// The blocks of positions [0, end): where they lie if they are one piece there that all rows see.
// False where rows that see `shared` positions would meet an infinity or NaN behind them.
inline bool place_blocks(ValueBlock (&blocks)[kSpanBlocks], AttentionMemory& memory,
                         const AttentionSpan& args, int64_t shared, int64_t end) {
  const int64_t dim = args.head_dim;
  bool finite = true;
  for (int64_t b = 0; b * kBlockPositions < end; b++) {
    const int64_t first = b * kBlockPositions;
    const void* const* groups = args.value_groups + 2 * b;
    const auto* values = static_cast<const char*>(groups[0]);
    if (first + kBlockPositions <= shared && dim % V::kLanes == 0 &&
        values + kKeyGroup * dim * 2 == groups[1]) {
      blocks[b] = {values, dim * 4};
      continue;
    }
    finite &= copy_block(memory.values[b], groups, shared - first, end - first, dim);
    blocks[b] = {reinterpret_cast<const char*>(memory.values[b]), kMaxHeadDim * 4};
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return finite;
}

#define CONCLAVE_MULTIPLY_VALUES(tile, b)                                     \
  if constexpr (N > tile) {                                                   \
    if constexpr (kFetch && tile % 2 == 1)                                    \
      fetch_keys(args, (d / 16 * kSpanBlocks + i * kTilesAtOnce + tile) / 2); \
    _tile_loadd(b, at.values + (d + tile * 16) * 4, at.stride);               \
    _tile_dpbf16ps(tile, 4, b);                                               \
  }
#define CONCLAVE_STORE_SUMS(tile) \
  if constexpr (N > tile) _tile_stored(tile, memory.sums[0] + d + tile * 16, kSumsStride * 4)

// As much of the next span's keys as a tile of a block's values.
inline void fetch_keys(const AttentionSpan& args, int64_t turn) {
  fetch_groups(args.next_key_groups, kSpanGroups, turn);
}

// N tiles of 16 dimensions from d on.
template <int N, bool kFetch>
inline void value_tiles(AttentionMemory& memory, const ValueBlock (&blocks)[kSpanBlocks],
                        const AttentionSpan& args, int64_t num_blocks, int64_t d) {
  _tile_zero(0);
  if constexpr (N > 1) _tile_zero(1);
  if constexpr (N > 2) _tile_zero(2);
  if constexpr (N > 3) _tile_zero(3);
  for (int64_t i = 0; i < num_blocks; i++) {
    const ValueBlock at = blocks[i];
    _tile_loadd(4, memory.weights[i], 64);
    CONCLAVE_MULTIPLY_VALUES(0, 6)
    CONCLAVE_MULTIPLY_VALUES(1, 7)
    CONCLAVE_MULTIPLY_VALUES(2, 6)
    CONCLAVE_MULTIPLY_VALUES(3, 7)
  }
  CONCLAVE_STORE_SUMS(0);
  CONCLAVE_STORE_SUMS(1);
  CONCLAVE_STORE_SUMS(2);
  CONCLAVE_STORE_SUMS(3);
}

#undef CONCLAVE_MULTIPLY_VALUES
#undef CONCLAVE_STORE_SUMS

// sums ← probabilities · values of positions [0, end)
template <bool kFetch>
inline void sum_values(AttentionMemory& memory, const ValueBlock (&blocks)[kSpanBlocks],
                       const AttentionSpan& args, int64_t end) {
  const int64_t dim = args.head_dim;
  const int64_t num_blocks = (end + kBlockPositions - 1) / kBlockPositions;
  for (int64_t d = 0; d < dim; d += kTilesAtOnce * 16) {
    switch ((dim - d + 15) / 16) {
      case 1: value_tiles<1, kFetch>(memory, blocks, args, num_blocks, d); break;
      case 2: value_tiles<2, kFetch>(memory, blocks, args, num_blocks, d); break;
      case 3: value_tiles<3, kFetch>(memory, blocks, args, num_blocks, d); break;
      default: value_tiles<4, kFetch>(memory, blocks, args, num_blocks, d); break;
    }
  }
}

// Rows [first, first + n), n at most 16. kFetch: brings the next span near.
template <bool kFetch>
inline void attend_rows(const AttentionSpan& args, int64_t first, int64_t n,
                        AttentionMemory& memory) {
  const int64_t dim = args.head_dim;
  const int32_t* counts = args.counts + first;
  const auto merge = [&](int64_t r, int64_t rows) {
    attention_merge({args.y + (first + r) * dim, args.max + first + r, args.sum + first + r,
                     memory.sums[r], memory.max + r, memory.sum + r, rows, dim, kSumsStride});
  };
  const int64_t num_groups = (counts[n - 1] + kKeyGroup - 1) / kKeyGroup;
  score_rows<kFetch>(memory, args, static_cast<const char*>(args.q) + first * args.q_stride,
                     num_groups);
  for (int64_t r = 0; r < n; r++) weigh_row(memory, r, counts[r], args.scale);
  ValueBlock blocks[kSpanBlocks];
  if (place_blocks(blocks, memory, args, counts[0], counts[n - 1])) {
    sum_values<kFetch>(memory, blocks, args, counts[n - 1]);
    // The first half of the keys came beside the values, the second comes beside the merging.
    if constexpr (kFetch) {
      const int64_t turns = kSpanBlocks * ((dim + 15) / 16);
      for (int64_t turn = turns / 2; turn < turns; turn++) fetch_keys(args, turn);
    }
    return merge(0, n);
  }
  for (int64_t r = 0; r < n; r++) {  // each row by itself, with the values that it sees
    place_blocks(blocks, memory, args, counts[r], counts[r]);
    sum_values<false>(memory, blocks, args, counts[r]);
    merge(r, 1);
  }
}

// Tiles for so many rows of queries: a product takes a cycle for each.
constexpr TileShapes rows_shapes(int rows) {
  TileShapes shapes = full_shapes();
  for (int tile = 0; tile < 6; tile++) shapes.set(tile, rows, 64);
  return shapes;
}

template <int... I>
constexpr auto all_rows_shapes(std::integer_sequence<int, I...>) {
  return std::array<TileShapes, sizeof...(I)>{rows_shapes(I + 1)...};
}
alignas(64) constexpr auto kRowsShapes =
    all_rows_shapes(std::make_integer_sequence<int, kRowTile>{});

// Telling the shapes costs as much as a tenth of a span of one token.
void enter_tiles(int64_t rows) {
  _tile_loadconfig(&kRowsShapes[static_cast<size_t>(rows < kRowTile ? rows - 1 : kRowTile - 1)]);
}
void leave_tiles() { _tile_release(); }

void attend_on_tiles(const AttentionSpan& args) {
  AttentionMemory& memory = attention_memory();
  const auto rows_from = [&](int64_t r) {
    return args.num_rows - r < kRowTile ? args.num_rows - r : kRowTile;
  };
  attend_rows<true>(args, 0, rows_from(0), memory);
  for (int64_t r = kRowTile; r < args.num_rows; r += kRowTile) {
    attend_rows<false>(args, r, rows_from(r), memory);
  }
}

}  // namespace
}  // namespace conclave::cpu

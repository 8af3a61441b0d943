#pragma once
// Products of bf16 on AMX tiles, for every number of tokens: the machine's own order of sums (32
// columns at a time: even and odd columns in turn, both together, onto the sum) is the order of
// this set, and no tile shows in it. Included after tile_kernels.h.
//
// A tile of weights is 16 rows by 32 columns as they lie; its partner holds 16 pairs of columns of
// 16 tokens. The sums come as (rows, tokens) and are turned when they are stored.

namespace conclave::cpu {
namespace {

constexpr int64_t kStepCols = 32;

// 32 columns of sixteen tokens.
struct alignas(64) Pairs {
  uint32_t of[kTileTokens][kTileTokens];  // [pair of columns][token]
};

// Rows become columns: 16 × 16 of 32 bits.
CONCLAVE_INLINE void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  CONCLAVE_UNROLL
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  CONCLAVE_UNROLL
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  CONCLAVE_UNROLL
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  CONCLAVE_UNROLL
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// The first `n` of 32 bf16; zero for the others.
inline __m512i load_step(const uint16_t* p, int64_t n) {
  if (n >= kStepCols) return _mm512_loadu_si512(p);
  return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1u << n) - 1), p);
}

void pack_pairs(void* tile, const void* const* x, int64_t num_x, int64_t k) {
  Pairs* out = static_cast<Pairs*>(tile);
  for (int64_t at = 0; at < k; at += kStepCols, out++) {
    __m512i rows[16];
    CONCLAVE_UNROLL
    for (int m = 0; m < kTileTokens; m++) {
      rows[m] = m < num_x ? load_step(static_cast<const uint16_t*>(x[m]) + at, k - at)
                          : _mm512_setzero_si512();
    }
    transpose(rows);
    CONCLAVE_UNROLL
    for (int pair = 0; pair < kTileTokens; pair++) _mm512_store_si512(out->of[pair], rows[pair]);
  }
}

// Up to two strips of 16 rows with up to two tiles of tokens.
struct Bf16Block {
  const uint16_t* w;           // first row
  int64_t k, num_rows, num_x;  // columns; what is left of rows and tokens
  const Pairs* x;              // first tile
  int64_t tile_steps;          // from one tile to the next
  const uint16_t* next;        // the strips that come after these
  bool fetch;                  // brings near what is ahead
};

// The processor goes on by itself from a line that it is told of, and asks for more at once than a
// thread can: every other row is named.
inline void fetch_ahead(const Bf16Block& block, int64_t at) {
  constexpr int64_t kAhead = 8 * kStepCols;
  const int64_t wanted = at + kAhead;
  const uint16_t* rows = wanted < block.k ? block.w + wanted : block.next + wanted - block.k;
  CONCLAVE_UNROLL
  for (int r = 0; r < 2 * kPanelRows; r += 2) {
    _mm_prefetch(reinterpret_cast<const char*>(rows + r * block.k), _MM_HINT_T0);
  }
}

using BlockSums = float[4][kPanelRows][kTileTokens];  // [2 · tile of tokens + strip]

template <int kStrip>
CONCLAVE_INLINE void load_weights(const Bf16Block& block, int64_t at) {
  const uint16_t* w = block.w + kStrip * kPanelRows * block.k + at;
  const int64_t rows = block.num_rows - kStrip * kPanelRows, cols = block.k - at;
  int64_t stride = block.k * 2;
  alignas(64) uint16_t part[kPanelRows][kStepCols];
  if (rows < kPanelRows || cols < kStepCols) {  // never read beyond the matrix
    for (int64_t r = 0; r < kPanelRows; r++) {
      _mm512_store_si512(part[r],
                         r < rows ? load_step(w + r * block.k, cols) : _mm512_setzero_si512());
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    w = part[0];
    stride = kStepCols * 2;
  }
  if constexpr (kStrip == 0) _tile_loadd(4, w, stride);
  else _tile_loadd(5, w, stride);
}

template <int S, int T>
inline void multiply_block(BlockSums& sums, const Bf16Block& block) {
  _tile_zero(0);
  if constexpr (S == 2) _tile_zero(1);
  if constexpr (T == 2) _tile_zero(2);
  if constexpr (S == 2 && T == 2) _tile_zero(3);
  const Pairs* x = block.x;
  for (int64_t at = 0; at < block.k; at += kStepCols, x++) {
    if (block.fetch) fetch_ahead(block, at);
    load_weights<0>(block, at);
    _tile_loadd(6, x->of, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (S == 2) {
      load_weights<1>(block, at);
      _tile_dpbf16ps(1, 5, 6);
    }
    if constexpr (T == 2) {
      _tile_loadd(7, x[block.tile_steps].of, 64);
      _tile_dpbf16ps(2, 4, 7);
      if constexpr (S == 2) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums[0], 64);
  if constexpr (S == 2) _tile_stored(1, sums[1], 64);
  if constexpr (T == 2) _tile_stored(2, sums[2], 64);
  if constexpr (S == 2 && T == 2) _tile_stored(3, sums[3], 64);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// y of up to 16 tokens and rows.
inline void store_sums(float* const* y, int64_t offset, int64_t num_x, int64_t num_rows,
                       const float (&sums)[kPanelRows][kTileTokens]) {
  const __mmask16 mask =
      num_rows >= kPanelRows ? static_cast<__mmask16>(0xffff) : V::first(num_rows);
  __m512i rows[16];
  CONCLAVE_UNROLL
  for (int r = 0; r < kPanelRows; r++) rows[r] = _mm512_load_si512(sums[r]);
  transpose(rows);
  CONCLAVE_UNROLL
  for (int m = 0; m < kTileTokens; m++) {
    if (m < num_x) _mm512_mask_storeu_epi32(y[m] + offset, mask, rows[m]);
  }
}

template <int S, int T>
inline void bf16_block(float* const* y, int64_t offset, const Bf16Block& block) {
  alignas(64) BlockSums sums;
  multiply_block<S, T>(sums, block);
  for (int t = 0; t < T; t++) {
    for (int s = 0; s < S; s++) {
      store_sums(y + t * kTileTokens, offset + s * kPanelRows, block.num_x - t * kTileTokens,
                 block.num_rows - s * kPanelRows, sums[2 * t + s]);
    }
  }
}

// Strips of 32 rows, each for all tokens: the first of them wait for memory.
void dot_bf16_on_tiles(const DotRows& args) {
  constexpr int64_t kRows = 2 * kPanelRows, kTokens = 2 * kTileTokens;
  const UseTiles use(kFullShapes);
  const auto* w = static_cast<const uint16_t*>(args.w);
  Bf16Block block{};
  block.k = args.k;
  block.tile_steps = 2 * blocks_of(args.k);
  for (int64_t n = 0; n < args.num_rows; n += kRows) {
    block.w = w + n * args.k;
    block.num_rows = args.num_rows - n;
    block.x = static_cast<const Pairs*>(args.tiles);
    block.next = block.num_rows > kRows ? block.w + kRows * args.k
                                        : static_cast<const uint16_t*>(args.next_w);
    for (int64_t m = 0; m < args.num_x; m += kTokens, block.x += 2 * block.tile_steps) {
      block.fetch = m == 0;
      block.num_x = args.num_x - m;
      float* const* y = args.y + m;
      const int64_t offset = args.y_offset + n;
      const bool both = block.num_x > kTileTokens;
      if (block.num_rows > kPanelRows) {
        if (both) bf16_block<2, 2>(y, offset, block);
        else bf16_block<2, 1>(y, offset, block);
      } else {
        if (both) bf16_block<1, 2>(y, offset, block);
        else bf16_block<1, 1>(y, offset, block);
      }
    }
  }
}

}  // namespace
}  // namespace conclave::cpu

#pragma once
// Products of bf16 on AMX tiles, for every number of tokens: the machine's own order of sums (32
// columns at a time: even and odd columns in turn, both together, onto the sum) is the order of
// this set, and no tile shows in it. Included after tile_kernels.h.
//
// A tile of weights is 16 rows by 32 columns as they lie; its partner holds 16 pairs of columns of
// 16 tokens. The sums come as (rows, tokens) and are turned when they are stored.

namespace conclave::cpu {
namespace {

constexpr int64_t kStepCols = 32,
                  kPieceSteps = 64;  // columns of a product; products packed at once

struct alignas(64) Pairs {
  uint32_t of[kTileHeight][kTileHeight];  // [pair of columns][token]
};

struct Bf16Memory {
  Pairs x[kMaxTiles * kPieceSteps];
  alignas(64) uint16_t weights[2][kTileHeight][kStepCols];  // where rows or columns are missing
  alignas(64) float sums[kTileHeight][kTileHeight];
};

inline Bf16Memory& bf16_memory() {
  static thread_local Bf16Memory memory;
  return memory;
}

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

// Columns [first, first + 32 · num_steps) of `count` tokens from m0 on.
inline void pack_pairs(Pairs* out, const DotRows& args, int64_t m0, int count, int64_t first,
                       int64_t num_steps) {
  for (int64_t s = 0; s < num_steps; s++) {
    const int64_t at = first + s * kStepCols;
    __m512i rows[16];
    CONCLAVE_UNROLL
    for (int m = 0; m < kTileHeight; m++) {
      rows[m] = m < count
                    ? load_step(static_cast<const uint16_t*>(args.x[m0 + m]) + at, args.k - at)
                    : _mm512_setzero_si512();
    }
    transpose(rows);
    CONCLAVE_UNROLL
    for (int pair = 0; pair < kTileHeight; pair++) {
      _mm512_store_si512(out[s].of[pair], rows[pair]);
    }
  }
}

// Sums of 16 rows from n on for a tile of tokens; where columns come in pieces they rest in y.
struct SumsPlace {
  float* const* y;  // of the tile's tokens
  int64_t offset;   // y_offset + n
  int count;        // tokens
  __mmask16 rows;
};

inline void fetch_sums(Bf16Memory& memory, const SumsPlace& at) {
  __m512i rows[16];
  CONCLAVE_UNROLL
  for (int m = 0; m < kTileHeight; m++) {
    rows[m] = m < at.count ? _mm512_maskz_loadu_epi32(at.rows, at.y[m] + at.offset)
                           : _mm512_setzero_si512();
  }
  transpose(rows);
  CONCLAVE_UNROLL
  for (int r = 0; r < kTileHeight; r++) _mm512_store_si512(memory.sums[r], rows[r]);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void store_sums(const Bf16Memory& memory, const SumsPlace& at) {
  __m512i rows[16];
  CONCLAVE_UNROLL
  for (int r = 0; r < kTileHeight; r++) rows[r] = _mm512_load_si512(memory.sums[r]);
  transpose(rows);
  CONCLAVE_UNROLL
  for (int m = 0; m < kTileHeight; m++) {
    if (m < at.count) _mm512_mask_storeu_epi32(at.y[m] + at.offset, at.rows, rows[m]);
  }
}

// S strips of 16 rows from n on, T tiles of tokens, one piece of columns.
struct Bf16Task {
  const uint16_t* w;        // of row n, at the piece
  const Pairs* x;           // of the first tile
  const uint16_t* fetch;    // rows to bring near, at the piece
  int64_t k, num_rows;      // columns of the matrix; rows that are left from n on
  int64_t num_steps, cols;  // of the piece; columns left in it
};

template <int kStrip>
CONCLAVE_INLINE void load_weights(const Bf16Task& task, int64_t step, Bf16Memory& memory) {
  const uint16_t* w = task.w + kStrip * kTileHeight * task.k + step * kStepCols;
  const int64_t rows = task.num_rows - kStrip * kTileHeight, cols = task.cols - step * kStepCols;
  int64_t stride = task.k * 2;
  if (rows < kTileHeight || cols < kStepCols) {  // never read beyond the matrix
    auto& part = memory.weights[kStrip];
    for (int64_t r = 0; r < kTileHeight; r++) {
      _mm512_store_si512(part[r],
                         r < rows ? load_step(w + r * task.k, cols) : _mm512_setzero_si512());
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    w = part[0];
    stride = kStepCols * 2;
  }
  if constexpr (kStrip == 0) _tile_loadd(4, w, stride);
  else _tile_loadd(5, w, stride);
}

template <int S, int T>
inline void multiply_steps(const Bf16Task& task, Bf16Memory& memory) {
  for (int64_t step = 0; step < task.num_steps; step++) {
    CONCLAVE_UNROLL
    for (int r = 0; r < S * kTileHeight; r++) {
      _mm_prefetch(reinterpret_cast<const char*>(task.fetch + r * task.k + step * kStepCols),
                   _MM_HINT_T1);
    }
    const Pairs* x = task.x + step;
    load_weights<0>(task, step, memory);
    if constexpr (S == 2) load_weights<1>(task, step, memory);
    _tile_loadd(6, x[0].of, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (S == 2) _tile_dpbf16ps(1, 5, 6);
    if constexpr (T > 1) {
      _tile_loadd(7, x[kPieceSteps].of, 64);
      if constexpr (S == 2) {
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      } else {
        _tile_dpbf16ps(1, 4, 7);
      }
    }
    if constexpr (T > 2) {
      _tile_loadd(6, x[2 * kPieceSteps].of, 64);
      _tile_dpbf16ps(2, 4, 6);
    }
    if constexpr (T > 3) {
      _tile_loadd(7, x[3 * kPieceSteps].of, 64);
      _tile_dpbf16ps(3, 4, 7);
    }
  }
}

// The number of a tile register is part of the instruction's text.
#define CONCLAVE_BEGIN_TILE(tile)       \
  if (first) {                          \
    _tile_zero(tile);                   \
  } else {                              \
    fetch_sums(memory, places[tile]);   \
    _tile_loadd(tile, memory.sums, 64); \
  }
#define CONCLAVE_END_TILE(tile)        \
  _tile_stored(tile, memory.sums, 64); \
  store_sums(memory, places[tile])

// places[strip + S · tile]
template <int S, int T>
inline void bf16_tiles(const Bf16Task& task, const SumsPlace* places, bool first,
                       Bf16Memory& memory) {
  CONCLAVE_BEGIN_TILE(0)
  if constexpr (S * T > 1) {
    CONCLAVE_BEGIN_TILE(1)
  }
  if constexpr (S * T > 2) {
    CONCLAVE_BEGIN_TILE(2)
  }
  if constexpr (S * T > 3) {
    CONCLAVE_BEGIN_TILE(3)
  }
  multiply_steps<S, T>(task, memory);
  CONCLAVE_END_TILE(0);
  if constexpr (S * T > 1) {
    CONCLAVE_END_TILE(1);
  }
  if constexpr (S * T > 2) {
    CONCLAVE_END_TILE(2);
  }
  if constexpr (S * T > 3) {
    CONCLAVE_END_TILE(3);
  }
}

#undef CONCLAVE_BEGIN_TILE
#undef CONCLAVE_END_TILE

// All rows for tokens [starts[0], starts[T]), one piece of columns.
template <int T>
inline void bf16_rows(const DotRows& args, const int64_t* starts, int64_t first, int64_t num_steps,
                      Bf16Memory& memory) {
  // Two strips halve the loads of tokens; for one tile, memory answers fewer rows at once better.
  constexpr int S = T == 2 ? 2 : 1;
  const auto* w = static_cast<const uint16_t*>(args.w);
  for (int64_t n = 0; n < args.num_rows; n += S * kTileHeight) {
    const int64_t left = args.num_rows - n, after = n + S * kTileHeight;
    const uint16_t* fetch =
        after < args.num_rows ? w + after * args.k : static_cast<const uint16_t*>(args.next_w);
    SumsPlace places[S * T];
    for (int i = 0; i < S * T; i++) {
      const int64_t m = starts[i / S], rows = left - i % S * kTileHeight;
      places[i] = {args.y + m, args.y_offset + n + i % S * kTileHeight,
                   static_cast<int>(starts[i / S + 1] - m),
                   rows >= kTileHeight ? static_cast<__mmask16>(0xffff)
                   : rows > 0          ? V::first(rows)
                                       : static_cast<__mmask16>(0)};
    }
    bf16_tiles<S, T>(
        {w + n * args.k + first, memory.x, fetch + first, args.k, left, num_steps, args.k - first},
        places, first == 0, memory);
  }
}

void dot_bf16_on_tiles(const DotRows& args) {
  const UseTiles use(kFullShapes);
  Bf16Memory& memory = bf16_memory();
  constexpr int64_t kMost = kMaxTiles * kTileHeight;
  for (int64_t m = 0; m < args.num_x; m += kMost) {
    const int64_t count = args.num_x - m < kMost ? args.num_x - m : kMost;
    const int num_tiles = static_cast<int>((count + kTileHeight - 1) / kTileHeight);
    int64_t starts[kMaxTiles + 1];
    for (int t = 0; t <= num_tiles; t++) starts[t] = m + count * t / num_tiles;
    for (int64_t first = 0; first < args.k; first += kPieceSteps * kStepCols) {
      const int64_t steps = (args.k - first + kStepCols - 1) / kStepCols;
      const int64_t piece = steps < kPieceSteps ? steps : kPieceSteps;
      for (int t = 0; t < num_tiles; t++) {
        pack_pairs(memory.x + t * kPieceSteps, args, starts[t],
                   static_cast<int>(starts[t + 1] - starts[t]), first, piece);
      }
      std::atomic_signal_fence(std::memory_order_seq_cst);
      switch (num_tiles) {
        case 1: bf16_rows<1>(args, starts, first, piece, memory); break;
        case 2: bf16_rows<2>(args, starts, first, piece, memory); break;
        case 3: bf16_rows<3>(args, starts, first, piece, memory); break;
        default: bf16_rows<4>(args, starts, first, piece, memory); break;
      }
    }
  }
}

}  // namespace
}  // namespace conclave::cpu

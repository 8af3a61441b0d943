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

struct Bf16Memory {
  alignas(64) uint16_t weights[2][kPanelRows][kStepCols];  // where rows or columns are missing
  alignas(64) float sums[4][kPanelRows][kTileTokens];
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
struct Bf16Task {
  const uint16_t* w;    // first row
  int64_t k, rows;      // columns; rows that are left
  const Pairs* x;       // first tile
  int64_t tile_steps;   // from one tile to the next
  const char* fetch;    // to bring near, a step's lines after the other
  int64_t fetch_lines;  // a step
};

template <int kStrip>
CONCLAVE_INLINE void load_weights(const Bf16Task& task, int64_t at, Bf16Memory& memory) {
  const uint16_t* w = task.w + kStrip * kPanelRows * task.k + at;
  const int64_t rows = task.rows - kStrip * kPanelRows, cols = task.k - at;
  int64_t stride = task.k * 2;
  if (rows < kPanelRows || cols < kStepCols) {  // never read beyond the matrix
    auto& part = memory.weights[kStrip];
    for (int64_t r = 0; r < kPanelRows; r++) {
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

// Leaves the sums in memory: [2 · tile of tokens + strip].
template <int S, int T>
inline void multiply_steps(const Bf16Task& task, Bf16Memory& memory) {
  _tile_zero(0);
  if constexpr (S == 2) _tile_zero(1);
  if constexpr (T == 2) _tile_zero(2);
  if constexpr (S == 2 && T == 2) _tile_zero(3);
  const Pairs* x = task.x;
  const char* fetch = task.fetch;
  for (int64_t at = 0; at < task.k; at += kStepCols, x++) {
    for (int64_t line = 0; line < task.fetch_lines; line++, fetch += 64) {
      _mm_prefetch(fetch, _MM_HINT_T1);
    }
    load_weights<0>(task, at, memory);
    _tile_loadd(6, x->of, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (S == 2) {
      load_weights<1>(task, at, memory);
      _tile_dpbf16ps(1, 5, 6);
    }
    if constexpr (T == 2) {
      _tile_loadd(7, x[task.tile_steps].of, 64);
      _tile_dpbf16ps(2, 4, 7);
      if constexpr (S == 2) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, memory.sums[0], 64);
  if constexpr (S == 2) _tile_stored(1, memory.sums[1], 64);
  if constexpr (T == 2) _tile_stored(2, memory.sums[2], 64);
  if constexpr (S == 2 && T == 2) _tile_stored(3, memory.sums[3], 64);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// y of `count` tokens and up to 16 rows.
inline void store_sums(float* const* y, int64_t offset, int64_t count, int64_t num_rows,
                       const float (&sums)[kPanelRows][kTileTokens]) {
  const __mmask16 mask =
      num_rows >= kPanelRows ? static_cast<__mmask16>(0xffff) : V::first(num_rows);
  __m512i rows[16];
  CONCLAVE_UNROLL
  for (int r = 0; r < kPanelRows; r++) rows[r] = _mm512_load_si512(sums[r]);
  transpose(rows);
  CONCLAVE_UNROLL
  for (int m = 0; m < kTileTokens; m++) {
    if (m < count) _mm512_mask_storeu_epi32(y[m] + offset, mask, rows[m]);
  }
}

template <int S, int T>
inline void bf16_tiles(const DotRows& args, int64_t m, int64_t n, const Bf16Task& task,
                       Bf16Memory& memory) {
  multiply_steps<S, T>(task, memory);
  for (int t = 0; t < T; t++) {
    for (int s = 0; s < S; s++) {
      store_sums(args.y + m + t * kTileTokens, args.y_offset + n + s * kPanelRows,
                 args.num_x - m - t * kTileTokens, task.rows - s * kPanelRows,
                 memory.sums[2 * t + s]);
    }
  }
}

// Strips of 32 rows, each for all tokens; the tokens before the last fetch a share of what comes
// next.
void dot_bf16_on_tiles(const DotRows& args) {
  constexpr int64_t kRows = 2 * kPanelRows, kTokens = 2 * kTileTokens;
  const UseTiles use(kFullShapes);
  Bf16Memory memory;
  const auto* w = static_cast<const uint16_t*>(args.w);
  const auto* x = static_cast<const Pairs*>(args.tiles);
  const int64_t tile_steps = 2 * blocks_of(args.k);
  const int64_t shares = args.num_x > kTokens ? 2 : 1;
  for (int64_t n = 0; n < args.num_rows; n += kRows) {
    const char* next = reinterpret_cast<const char*>(
        n + kRows < args.num_rows ? w + (n + kRows) * args.k : args.next_w);
    Bf16Task task{w + n * args.k, args.k, args.num_rows - n, x, tile_steps, next, kRows / shares};
    for (int64_t m = 0; m < args.num_x; m += kTokens) {
      if (m == shares * kTokens) task.fetch_lines = 0;
      const bool both = args.num_x - m > kTileTokens;
      if (task.rows > kPanelRows) {
        if (both) bf16_tiles<2, 2>(args, m, n, task, memory);
        else bf16_tiles<2, 1>(args, m, n, task, memory);
      } else {
        if (both) bf16_tiles<1, 2>(args, m, n, task, memory);
        else bf16_tiles<1, 1>(args, m, n, task, memory);
      }
      task.x += 2 * tile_steps;
      task.fetch += (args.k + kStepCols - 1) / kStepCols * task.fetch_lines * 64;
    }
  }
}

}  // namespace
}  // namespace conclave::cpu

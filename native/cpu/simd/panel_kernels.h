#pragma once
// Products of int8 panels (cpu/panels.h) in register tiles of M tokens by N vectors of rows. Each
// lane is one row: no horizontal sums, and each group's whole-number sums do not depend on the
// tile. Included after row_kernels.h.
#include "cpu/panels.h"

namespace conclave::cpu {
namespace {

constexpr int64_t kLineBytes = kPanelRows * 4;
constexpr int kLinesAGroup = kGroupCols / 4;
constexpr int kPanelVectors = kPanelRows / V::kLanes;  // of 32 bits a row
constexpr int kSumsTwice = 8;  // sums of a tile that has room for as many again, and f32 sums

// Activations as int16: each 4 columns in the order 0, 2, 1, 3, as pairs that meet the even and
// the odd bytes of a line.
struct WordProducts {
  static constexpr bool kSplit = false;
  static constexpr int64_t kLineStep = 8;  // bytes of x that meet a line
  struct W {
    V::I even, odd;
  };
  struct X {
    V::I even, odd;
  };
  static W load_w(const std::byte* p) {
    const V::I v = V::load_pairs(p);
    return {V::low_bytes(v), V::high_bytes(v)};
  }
  static X load_x(const std::byte* p) { return {V::repeat_32(p), V::repeat_32(p + 4)}; }
  static V::I mac(V::I sum, W w, X x) {
    return V::dot_words(V::dot_words(sum, w.even, x.even), w.odd, x.odd);
  }
  static void store(std::byte* group, const V::I (&q)[kGroupCols / V::kLanes]) {
    V::store_words_0213(group, q);
  }
};

// Groups of 32 → whole numbers of at most kLevels, their scale and −128 times their sum.
template <class P>
inline void quantise_group(std::byte* group, const V::F (&x)[kGroupCols / V::kLanes]) {
  constexpr int kVectors = kGroupCols / V::kLanes;
  V::I high = V::magnitude_bits(x[0]);
  CONCLAVE_UNROLL
  for (int i = 1; i < kVectors; i++) high = V::max_bits(high, V::magnitude_bits(x[i]));
  const uint32_t bits = V::largest(high);
  float largest;
  __builtin_memcpy(&largest, &bits, 4);
  const float inverse = kLevels / largest;
  const bool finite = bits < 0x7f800000u, usable = finite && inverse <= 3.4028235e38f;
  const V::F factor = V::set1(usable ? inverse : 0);
  V::I q[kVectors];
  CONCLAVE_UNROLL
  for (int i = 0; i < kVectors; i++) {
    q[i] = V::to_whole(V::mul(finite ? x[i] : V::zero(), factor));
  }
  V::I sums = q[0];
  CONCLAVE_UNROLL
  for (int i = 1; i < kVectors; i++) sums = V::add_whole(sums, q[i]);
  const float scale = !finite ? __builtin_nanf("") : usable ? largest / kLevels : 0;
  const int32_t sum = -128 * V::sum_whole(sums);
  P::store(group, q);
  __builtin_memcpy(group + kGroupBytes - 8, &scale, 4);
  __builtin_memcpy(group + kGroupBytes - 4, &sum, 4);
}

template <class P>
void quantise(void* out, const float* x, int64_t n) {
  constexpr int kVectors = kGroupCols / V::kLanes;
  std::byte* group = static_cast<std::byte*>(out);
  const int64_t num_groups = 2 * blocks_of(n);
  for (int64_t g = 0; g < num_groups; g++, group += kGroupBytes) {
    V::F v[kVectors];
    CONCLAVE_UNROLL
    for (int i = 0; i < kVectors; i++) {
      const int64_t at = g * kGroupCols + i * V::kLanes, left = n - at;
      v[i] = left >= V::kLanes ? V::load(x + at)
             : left > 0        ? V::load_part(x + at, left)
                               : V::zero();
    }
    quantise_group<P>(group, v);
  }
}

// What a tile brings near while it multiplies, line by line in turn with its own: of N vectors of
// rows a block that is wanted soon. The core's own fetching then follows several pages at once, and
// memory answers sooner than along one; into the first level, as fetches into the second are
// slower.
template <int N>
struct Ahead {
  const std::byte* blocks[N];

  CONCLAVE_INLINE void fetch(int64_t at) const {
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v += kPanelVectors) {
      _mm_prefetch(reinterpret_cast<const char*>(blocks[v] + at), _MM_HINT_T0);
    }
  }
};

struct Nothing {
  CONCLAVE_INLINE void fetch(int64_t) const {}
};

// sums += the lines of one group times the values of each x. What is `ahead` of those lines begins
// at `at`; of every kEvery lines the one at kFirst is fetched.
template <class P, int M, int N, int kFirst, int kEvery, class Fetch>
CONCLAVE_INLINE void add_lines(V::I (&sums)[M][N], const std::byte* const (&x)[M],
                               const std::byte* const (&w)[N], const Fetch& ahead, int64_t at) {
  CONCLAVE_UNROLL
  for (int i = 0; i < kLinesAGroup; i++) {
    if (i % kEvery == kFirst) ahead.fetch(at + i * kLineBytes);
    typename P::W ws[N];
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v++) ws[v] = P::load_w(w[v] + i * kLineBytes);
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) {
      const typename P::X xs = P::load_x(x[m] + i * P::kLineStep);
      CONCLAVE_UNROLL
      for (int v = 0; v < N; v++) sums[m][v] = P::mac(sums[m][v], ws[v], xs);
    }
  }
}

template <int M, int N>
CONCLAVE_INLINE void clear(V::I (&sums)[M][N]) {
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v++) sums[m][v] = V::as_whole(V::zero());
  }
}

// sums += −128 · the sum of each x
template <int M, int N>
CONCLAVE_INLINE void add_minus(V::I (&sums)[M][N], const std::byte* const (&x)[M]) {
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    const V::I minus = V::repeat_32(x[m] + kGroupBytes - 4);
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v++) sums[m][v] = V::add_whole(sums[m][v], minus);
  }
}

// The products of one group of columns: sums[m][v] is whole. Split activations give 256 · what
// their high bytes do plus what the low ones do: in one reading of the lines if the registers hold
// twice the sums, else in two.
template <class P, int M, int N, class Fetch>
CONCLAVE_INLINE void group_products(V::I (&sums)[M][N], const std::byte* const (&x)[M],
                                    const std::byte* const (&w)[N], const Fetch& ahead,
                                    int64_t at) {
  if constexpr (!P::kSplit) {
    clear(sums);
    add_lines<P, M, N, 0, 1>(sums, x, w, ahead, at);
  } else {
    const std::byte *low[M], *both[2 * M];
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) {
      both[m] = x[m];
      both[M + m] = low[m] = x[m] + kGroupCols;
    }
    if constexpr (M * N <= kSumsTwice) {
      V::I all[2 * M][N];
      clear(all);
      add_lines<P, 2 * M, N, 0, 1>(all, both, w, ahead, at);
      CONCLAVE_UNROLL
      for (int m = 0; m < M; m++) {
        CONCLAVE_UNROLL
        for (int v = 0; v < N; v++) {
          sums[m][v] = V::add_whole(P::high(all[m][v]), all[M + m][v]);
        }
      }
    } else {
      clear(sums);
      add_lines<P, M, N, 0, 2>(sums, x, w, ahead, at);
      CONCLAVE_UNROLL
      for (int m = 0; m < M; m++) {
        CONCLAVE_UNROLL
        for (int v = 0; v < N; v++) sums[m][v] = P::high(sums[m][v]);
      }
      add_lines<P, M, N, 1, 2>(sums, low, w, ahead, at);
    }
  }
  add_minus(sums, x);
}

template <int M, int N>
struct PanelTile {
  const std::byte* x[M];
  const std::byte* w[N];
  V::F sums[M][N];
};

template <class P, int M, int N, class Fetch>
CONCLAVE_INLINE void add_group(PanelTile<M, N>& t, const std::byte* const (&lines)[N],
                               const std::byte* const (&scales)[N], const Fetch& ahead,
                               int64_t at) {
  V::I whole[M][N];
  group_products<P>(whole, t.x, lines, ahead, at);
  CONCLAVE_UNROLL
  for (int v = 0; v < N; v++) {
    const V::F w_scale = V::from_f16(reinterpret_cast<const uint16_t*>(scales[v]));
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) {
      const V::F x_scale = V::repeat(t.x[m] + kGroupBytes - 8);
      t.sums[m][v] = V::fma(V::from_whole(whole[m][v]), V::mul(w_scale, x_scale), t.sums[m][v]);
    }
  }
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) t.x[m] += kGroupBytes;
}

template <class P, int M, int N, class Fetch>
CONCLAVE_INLINE void add_block(PanelTile<M, N>& t, const Fetch& ahead) {
  CONCLAVE_UNROLL
  for (int half = 0; half < 2; half++) {
    const std::byte *lines[N], *scales[N];
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v++) {
      lines[v] = t.w[v] + half * (kScalesAt / 2);
      scales[v] = t.w[v] - v % kPanelVectors * V::kLanes * 2 + kScalesAt + half * kPanelRows * 2;
    }
    add_group<P>(t, lines, scales, ahead, half * (kScalesAt / 2));
  }
  ahead.fetch(kScalesAt);
  CONCLAVE_UNROLL
  for (int v = 0; v < N; v++) t.w[v] += kBlockBytes;
}

// How far ahead a tile fetches: two blocks where each is read once, the whole of the next panels
// where those at hand are read again by the next tile of tokens, or nothing where they are that.
enum class Fetches { near, far, nothing };

// Rows of N vectors from row n0 on, which begins a panel; `next`: the panels wanted after them.
template <class P, int M, int N, Fetches kFetches>
inline void panel_tile(const DotRows& args, int64_t m0, int64_t n0, const std::byte* next) {
  const int64_t num_blocks = blocks_of(args.k), stride = num_blocks * kBlockBytes;
  const int64_t ahead = kFetches == Fetches::near ? 2 : num_blocks;
  PanelTile<M, N> t;
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    t.x[m] = static_cast<const std::byte*>(args.x[m0 + m]);
    CONCLAVE_UNROLL
    for (int v = 0; v < N; v++) t.sums[m][v] = V::zero();
  }
  CONCLAVE_UNROLL
  for (int v = 0; v < N; v++) {
    t.w[v] = static_cast<const std::byte*>(args.w) +
             (n0 / kPanelRows + v / kPanelVectors) * stride + v % kPanelVectors * V::kLanes * 4;
  }
  for (int64_t b = 0; b < num_blocks; b++) {
    if constexpr (kFetches == Fetches::nothing) {
      add_block<P>(t, Nothing{});
    } else {
      const int64_t wanted = b + ahead, over = wanted - num_blocks;
      Ahead<N> lines;
      CONCLAVE_UNROLL
      for (int v = 0; v < N; v += kPanelVectors) {
        lines.blocks[v] = over < 0 ? t.w[v] + ahead * kBlockBytes
                                   : next + v / kPanelVectors * stride + over * kBlockBytes;
      }
      add_block<P>(t, lines);
    }
  }
  CONCLAVE_UNROLL
  for (int v = 0; v < N; v++) {
    const int64_t n = n0 + v * V::kLanes, left = args.num_rows - n;
    if (left <= 0) break;
    const bool all = left >= V::kLanes;
    const V::F scale = all ? V::load(args.scales + n) : V::load_part(args.scales + n, left);
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) {
      float* y = args.y[m0 + m] + args.y_offset + n;
      const V::F out = V::mul(t.sums[m][v], scale);
      if (all) V::store(y, out);
      else V::store_part(y, out, left);
    }
  }
}

// What is wanted after the N vectors of rows at n.
template <int N>
inline const std::byte* panels_after(const DotRows& args, int64_t n) {
  const int64_t after = n + N * V::kLanes;
  if (after >= args.num_rows) return static_cast<const std::byte*>(args.next_w);
  return static_cast<const std::byte*>(args.w) + after / kPanelRows * panel_bytes(args.k);
}

// All tokens, M of them, in tiles as wide as rows are left.
template <class P, int M, int N>
inline void panel_rows(const DotRows& args, int64_t n) {
  for (; n + (N - kPanelVectors) * V::kLanes < args.num_rows; n += N * V::kLanes) {
    panel_tile<P, M, N, Fetches::near>(args, 0, n, panels_after<N>(args, n));
  }
  if constexpr (N > kPanelVectors) panel_rows<P, M, N / 2>(args, n);
}

template <class P, int N, Fetches kFetches>
inline void panel_tokens(const DotRows& args, int64_t m, int count, int64_t n,
                         const std::byte* next) {
  if (count == 1) return panel_tile<P, 1, N, kFetches>(args, m, n, next);
  if (count == 2) return panel_tile<P, 2, N, kFetches>(args, m, n, next);
  if constexpr (V::kPanelTokens > 2) {
    switch (count) {
      case 3: return panel_tile<P, 3, N, kFetches>(args, m, n, next);
      case 4: return panel_tile<P, 4, N, kFetches>(args, m, n, next);
      case 5: return panel_tile<P, 5, N, kFetches>(args, m, n, next);
      default: return panel_tile<P, 6, N, kFetches>(args, m, n, next);
    }
  }
}

// N vectors of rows for more tokens than a tile takes, in tiles of nearly equal height.
template <class P, int N>
inline void panel_strip(const DotRows& args, int64_t n) {
  const std::byte* next = panels_after<N>(args, n);
  int64_t tiles = (args.num_x + V::kPanelTokens - 1) / V::kPanelTokens;
  for (int64_t m = 0; m < args.num_x; tiles--) {
    const int count = static_cast<int>((args.num_x - m + tiles - 1) / tiles);
    if (m == 0) panel_tokens<P, N, Fetches::far>(args, m, count, n, next);
    else panel_tokens<P, N, Fetches::nothing>(args, m, count, n, next);
    m += count;
  }
}

template <class P>
void dot_panels(const DotRows& args) {
  if constexpr (V::kPanelTokens > 2) {
    switch (args.num_x) {
      case 1: return panel_rows<P, 1, 8>(args, 0);
      case 2: return panel_rows<P, 2, 4>(args, 0);
      case 3: return panel_rows<P, 3, 4>(args, 0);
      case 4: return panel_rows<P, 4, 2>(args, 0);
      case 5: return panel_rows<P, 5, 2>(args, 0);
      case 6: return panel_rows<P, 6, 2>(args, 0);
      default: break;
    }
  }
  int64_t n = 0;
  if constexpr (kPanelVectors == 1) {
    for (; n + kPanelRows < args.num_rows; n += 2 * kPanelRows) panel_strip<P, 2>(args, n);
  }
  for (; n < args.num_rows; n += kPanelRows) panel_strip<P, kPanelVectors>(args, n);
}

}  // namespace
}  // namespace conclave::cpu

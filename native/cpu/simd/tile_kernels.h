#pragma once
// Products of int8 panels on AMX tiles. Included after vnni_kernels.h.
//
// The lines of a group are a tile as they lie: 8 lines of 16 rows by 4 columns. Its partner holds 8
// tokens in 16 rows, the high bytes of each and the low ones. One instruction gives 16 × 16 whole
// sums; they are scaled and added in the order of panel_kernels.h, so the bits are the same.
#include <atomic>
#include <utility>

namespace conclave::cpu {
namespace {

// Shapes of the eight tile registers: rows, and bytes of a row.
struct TileShapes {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  constexpr void set(int tile, int num_rows, int bytes) {
    rows[tile] = static_cast<uint8_t>(num_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};
static_assert(sizeof(TileShapes) == 64);

// A thread's tile registers, of no cost to others once they are given up. `shapes` are constants: a
// compiler does not know that all of them are read.
struct UseTiles {
  explicit UseTiles(const TileShapes& shapes) { _tile_loadconfig(&shapes); }
  ~UseTiles() { _tile_release(); }
  UseTiles(const UseTiles&) = delete;
  UseTiles& operator=(const UseTiles&) = delete;
};

constexpr int kHalfHeight = 8;         // tokens whose high and low bytes fill a tile
constexpr int64_t kMinTileTokens = 7;  // below it, vectors are as fast

// A group of columns of up to 16 tokens.
struct alignas(64) TokenGroup {
  int8_t values[2][2 * kHalfHeight][kGroupCols];  // 8 tokens' high bytes, their low bytes; 8 more
  float scales[kTileTokens];
  int32_t minus[kTileTokens];
};

// Where two tiles wait to be scaled. Four places would be as long as a page of 4 KiB, and a load
// waits for each store under way that is at the same place of its page.
using Products = int32_t[2][kTileTokens][kPanelRows];

void pack_groups(void* tile, const void* const* rows, int64_t num_x, int64_t k) {
  TokenGroup* out = static_cast<TokenGroup*>(tile);
  for (int64_t m = 0; m < num_x; m++) {
    const std::byte* x = static_cast<const std::byte*>(rows[m]);
    const int64_t half = m / kHalfHeight, row = m % kHalfHeight;
    for (int64_t g = 0; g < 2 * blocks_of(k); g++, x += kGroupBytes) {
      TokenGroup& group = out[g];
      const auto* values = reinterpret_cast<const __m256i*>(x);
      _mm256_store_si256((__m256i*)group.values[half][row], _mm256_loadu_si256(values));
      _mm256_store_si256((__m256i*)group.values[half][kHalfHeight + row],
                         _mm256_loadu_si256(values + 1));
      std::memcpy(&group.scales[m], x + 2 * kGroupCols, 4);
      std::memcpy(&group.minus[m], x + 2 * kGroupCols + 4, 4);
    }
  }
}

// One panel with one tile of M tokens.
struct TileTask {
  const std::byte* block;  // of the panel
  const TokenGroup* x;     // first group
  int64_t num_blocks;
  const std::byte* next;  // the panel that comes after it
  bool fetch;             // brings near what is ahead
};

inline void fetch_ahead(const TileTask& task, int64_t b) {
  constexpr int64_t kAhead = 4;
  const int64_t over = b + kAhead - task.num_blocks;
  const std::byte* block =
      over < 0 ? task.block + (b + kAhead) * kBlockBytes : task.next + over * kBlockBytes;
  CONCLAVE_UNROLL
  for (int64_t at = 0; at < kBlockBytes; at += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(block + at), _MM_HINT_T0);
  }
}

// sums of tokens [first, first + 8) ← with one group's products: 8 rows of high bytes, 8 of low.
template <int M, int kFirst>
CONCLAVE_INLINE void scale_half(V::F (&sums)[M], const int32_t (*products)[kPanelRows],
                                const TokenGroup& x, V::F w_scale) {
  CONCLAVE_UNROLL
  for (int m = kFirst; m < kFirst + kHalfHeight && m < M; m++) {
    const V::I high = _mm512_load_si512(products[m - kFirst]);
    const V::I low = _mm512_load_si512(products[kHalfHeight + m - kFirst]);
    const V::I minus = _mm512_set1_epi32(x.minus[m]);
    const V::I whole = V::add_whole(V::add_whole(SplitProducts::high(high), minus), low);
    sums[m] = V::fma(V::from_whole(whole), V::mul(w_scale, V::set1(x.scales[m])), sums[m]);
  }
}

// What tile `left` put down two turns ago, in this step or the one before it, is scaled; its place
// is filled anew, and so is the tile. The number of a tile register is part of the instruction's
// text.
#define CONCLAVE_TURN(tile, operand, weights, left)                                        \
  if (left < tile ? leave : scale)                                                         \
    scale_half<M, left / 2 * kHalfHeight>(sums, products[tile % 2],                        \
                                          (left < tile ? last : before)[left % 2],         \
                                          (left < tile ? last_scales : scales)[left % 2]); \
  if (leave) _tile_stored(tile, products[tile % 2], kLineBytes);                           \
  if (multiply) {                                                                          \
    _tile_loadd(operand, x[tile % 2].values[tile / 2], kGroupCols);                        \
    _tile_zero(tile);                                                                      \
    _tile_dpbsud(tile, operand, weights);                                                  \
  }

// Block b is multiplied, the one before it leaves the tiles, and what left them is scaled, in turns
// that are short enough for the core to do all three at once.
template <int M>
CONCLAVE_INLINE void block_step(V::F (&sums)[M], Products& products, const TileTask& task,
                                int64_t b) {
  const bool multiply = b < task.num_blocks, leave = b >= 1 && b <= task.num_blocks, scale = b >= 2;
  const std::byte* block = task.block + b * kBlockBytes;
  const TokenGroup *x = task.x + 2 * b, *last = x - 2, *before = x - 4;
  V::F last_scales[2] = {V::zero(), V::zero()}, scales[2] = {V::zero(), V::zero()};
  const auto* halves = reinterpret_cast<const uint16_t*>(block - 2 * kBlockBytes + kScalesAt);
  if (scale) {
    scales[0] = V::from_f16(halves);
    scales[1] = V::from_f16(halves + kPanelRows);
  }
  if (M > kHalfHeight && leave) {
    last_scales[0] = V::from_f16(halves + kBlockBytes / 2);
    last_scales[1] = V::from_f16(halves + kBlockBytes / 2 + kPanelRows);
  }
  if (multiply) {
    _tile_loadd(6, block, kLineBytes);
    _tile_loadd(7, block + kScalesAt / 2, kLineBytes);
  }
  if constexpr (M > kHalfHeight) {
    CONCLAVE_TURN(0, 4, 6, 2)
    CONCLAVE_TURN(1, 5, 7, 3)
    CONCLAVE_TURN(2, 4, 6, 0)
    CONCLAVE_TURN(3, 5, 7, 1)
  } else {
    CONCLAVE_TURN(0, 4, 6, 0)
    CONCLAVE_TURN(1, 5, 7, 1)
  }
}

#undef CONCLAVE_TURN

// y of M tokens from m0 on and the rows of the panel at n.
template <int M>
void tile_panel(const DotRows& args, int64_t m0, int64_t n, const TileTask& task) {
  const int64_t left = args.num_rows - n;
  const __mmask16 rows = left >= kPanelRows ? static_cast<__mmask16>(0xffff) : V::first(left);
  V::F sums[M];
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) sums[m] = V::zero();
  alignas(64) Products products;
  for (int64_t b = 0; b < task.num_blocks + 2; b++) {
    if (task.fetch) fetch_ahead(task, b);
    block_step<M>(sums, products, task, b);
  }
  const V::F scales = _mm512_maskz_loadu_ps(rows, args.scales + n);
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    _mm512_mask_storeu_ps(args.y[m0 + m] + args.y_offset + n, rows, V::mul(sums[m], scales));
  }
}

using TilePanel = void (*)(const DotRows&, int64_t, int64_t, const TileTask&);

template <int... I>
constexpr TilePanel tile_panel_of(int count, std::integer_sequence<int, I...>) {
  constexpr TilePanel all[] = {tile_panel<I + 1>...};
  return all[count - 1];
}

constexpr TileShapes int8_shapes() {
  TileShapes shapes;
  for (int tile = 0; tile < 4; tile++) shapes.set(tile, kTileTokens, kLineBytes);
  for (int tile = 4; tile < 6; tile++) shapes.set(tile, 2 * kHalfHeight, kGroupCols);
  for (int tile = 6; tile < 8; tile++) shapes.set(tile, kLinesAGroup, kLineBytes);
  return shapes;
}
alignas(64) constexpr TileShapes kInt8Shapes = int8_shapes();

constexpr TileShapes full_shapes() {
  TileShapes shapes;
  for (int tile = 0; tile < 8; tile++) shapes.set(tile, kTileTokens, 64);
  return shapes;
}
alignas(64) constexpr TileShapes kFullShapes = full_shapes();

// Tile by tile of tokens, the first of which waits for memory.
void dot_panels_on_tiles(const DotRows& args) {
  if (!args.tiles) return dot_panels<SplitProducts>(args);
  const UseTiles use(kInt8Shapes);
  const int64_t stride = panel_bytes(args.k), num_blocks = blocks_of(args.k);
  const auto* x = static_cast<const TokenGroup*>(args.tiles);
  for (int64_t m = 0; m < args.num_x; m += kTileTokens, x += 2 * num_blocks) {
    const int64_t count = args.num_x - m < kTileTokens ? args.num_x - m : kTileTokens;
    const TilePanel run =
        tile_panel_of(static_cast<int>(count), std::make_integer_sequence<int, kTileTokens>{});
    for (int64_t n = 0; n < args.num_rows; n += kPanelRows) {
      const auto* block = static_cast<const std::byte*>(args.w) + n / kPanelRows * stride;
      const bool last = n + kPanelRows >= args.num_rows;
      const auto* next = last ? static_cast<const std::byte*>(args.next_w) : block + stride;
      run(args, m, n, {block, x, num_blocks, next, m == 0});
    }
  }
}

// What the tiles give at most: products of bytes, or of pairs of bf16.
struct ByteTiles {
  static constexpr int64_t kFlops = 2 * 64 * kTileTokens * kPanelRows;
  static void multiply() {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
};

struct Bf16Tiles {
  static constexpr int64_t kFlops = 2 * 32 * kTileTokens * kPanelRows;
  static void multiply() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
};

template <class P>
int64_t probe_tiles(float* sink, int64_t rounds) {
  const UseTiles use(kFullShapes);  // which sets all of them to zero
  for (int64_t i = 0; i < rounds; i++) P::multiply();
  alignas(64) float out[kTileTokens][kPanelRows];
  _tile_stored(0, out, 64);
  sink[0] += out[0][0];
  return rounds * 4 * P::kFlops;
}

}  // namespace
}  // namespace conclave::cpu

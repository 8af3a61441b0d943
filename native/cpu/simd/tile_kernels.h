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

constexpr int kTileHeight = 16, kHalfHeight = 8;  // tokens
constexpr int kMaxTiles = 4;                      // of tokens that are packed at once
constexpr int64_t kPackedGroups = 16;             // of 32 columns, packed at once: 18 KiB a tile
constexpr int64_t kMinTileTokens = 8;             // below it, vectors are as fast

// A group of columns of up to 16 tokens.
struct alignas(64) TokenGroup {
  int8_t values[2][2 * kHalfHeight][kGroupCols];  // 8 tokens' high bytes, their low bytes; 8 more
  float scales[kTileHeight];
  int32_t minus[kTileHeight];
};

// What a thread needs for a call; too much for a stack.
struct TileMemory {
  TokenGroup x[kMaxTiles * kPackedGroups];
  alignas(64) int32_t sums[2][4][kTileHeight][kPanelRows];
};

inline TileMemory& tile_memory() {
  static thread_local TileMemory memory;
  return memory;
}

// Groups [first, first + num_groups) of `count` tokens from m0 on.
inline void pack_tokens(TokenGroup* out, const DotRows& args, int64_t m0, int count, int64_t first,
                        int64_t num_groups) {
  for (int m = 0; m < count; m++) {
    const std::byte* x = static_cast<const std::byte*>(args.x[m0 + m]) + first * kGroupBytes;
    const int half = m / kHalfHeight, row = m % kHalfHeight;
    for (int64_t g = 0; g < num_groups; g++, x += kGroupBytes) {
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
  int64_t num_groups;      // even
  const std::byte* fetch;  // a panel to bring near, lines [fetch_begin, fetch_end) of each block
  int fetch_begin, fetch_end;
};

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

// A block's products are made while those of the block before it are scaled, in turns that are
// short enough for the core to do both at once. Null: there is none.
template <int M>
CONCLAVE_INLINE void block_step(V::F (&sums)[M], const std::byte* block, const TokenGroup* x,
                                int32_t (*out)[kTileHeight][kPanelRows], const std::byte* before,
                                const TokenGroup* before_x,
                                const int32_t (*products)[kTileHeight][kPanelRows]) {
  V::F scales[2] = {V::zero(), V::zero()};
  if (before) {
    const auto* halves = reinterpret_cast<const uint16_t*>(before + kScalesAt);
    scales[0] = V::from_f16(halves);
    scales[1] = V::from_f16(halves + kPanelRows);
  }
  if (block) {
    _tile_loadd(6, block, kLineBytes);
    _tile_loadd(4, x[0].values[0], kGroupCols);
    _tile_zero(0);
    _tile_dpbsud(0, 4, 6);
    _tile_loadd(7, block + kScalesAt / 2, kLineBytes);
    _tile_loadd(5, x[1].values[0], kGroupCols);
    _tile_zero(2);
    _tile_dpbsud(2, 5, 7);
  }
  if (before) scale_half<M, 0>(sums, products[0], before_x[0], scales[0]);
  if (block) {
    if constexpr (M > kHalfHeight) {
      _tile_loadd(4, x[0].values[1], kGroupCols);
      _tile_zero(1);
      _tile_dpbsud(1, 4, 6);
    }
    _tile_stored(0, out[0], kLineBytes);
  }
  if (before) scale_half<M, 0>(sums, products[2], before_x[1], scales[1]);
  if (block) {
    if constexpr (M > kHalfHeight) {
      _tile_loadd(5, x[1].values[1], kGroupCols);
      _tile_zero(3);
      _tile_dpbsud(3, 5, 7);
    }
    _tile_stored(2, out[2], kLineBytes);
  }
  if constexpr (M > kHalfHeight) {
    if (before) scale_half<M, kHalfHeight>(sums, products[1], before_x[0], scales[0]);
    if (block) _tile_stored(1, out[1], kLineBytes);
    if (before) scale_half<M, kHalfHeight>(sums, products[3], before_x[1], scales[1]);
    if (block) _tile_stored(3, out[3], kLineBytes);
  }
}

// sums ← sums + the products of all groups.
template <int M>
inline void add_blocks(V::F (&sums)[M], const TileTask& task, TileMemory& memory) {
  const int64_t num_blocks = task.num_groups / 2;
  block_step<M>(sums, task.block, task.x, memory.sums[0], nullptr, nullptr, nullptr);
  for (int64_t b = 1; b < num_blocks; b++) {
    for (int line = task.fetch_begin; line < task.fetch_end; line++) {
      _mm_prefetch(reinterpret_cast<const char*>(task.fetch + b * kBlockBytes + line * 64),
                   _MM_HINT_T1);
    }
    block_step<M>(sums, task.block + b * kBlockBytes, task.x + 2 * b, memory.sums[b % 2],
                  task.block + (b - 1) * kBlockBytes, task.x + 2 * b - 2, memory.sums[(b - 1) % 2]);
  }
  const int64_t b = num_blocks;
  block_step<M>(sums, nullptr, nullptr, nullptr, task.block + (b - 1) * kBlockBytes,
                task.x + 2 * b - 2, memory.sums[(b - 1) % 2]);
}

// y of M tokens from m0 on and the rows of the panel at n; `first`, `last` of the pieces of
// columns. Between pieces, sums rest in y.
template <int M>
void tile_panel(const DotRows& args, int64_t m0, int64_t n, const TileTask& task, bool first,
                bool last, TileMemory& memory) {
  const int64_t left = args.num_rows - n;
  const __mmask16 rows = left >= kPanelRows ? static_cast<__mmask16>(0xffff) : V::first(left);
  V::F sums[M];
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    const float* y = args.y[m0 + m] + args.y_offset + n;
    sums[m] = first ? V::zero() : _mm512_maskz_loadu_ps(rows, y);
  }
  add_blocks<M>(sums, task, memory);
  const V::F scales = last ? _mm512_maskz_loadu_ps(rows, args.scales + n) : V::set1(1);
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    float* y = args.y[m0 + m] + args.y_offset + n;
    _mm512_mask_storeu_ps(y, rows, last ? V::mul(sums[m], scales) : sums[m]);
  }
}

using TilePanel = void (*)(const DotRows&, int64_t, int64_t, const TileTask&, bool, bool,
                           TileMemory&);

template <int... I>
constexpr TilePanel tile_panel_of(int count, std::integer_sequence<int, I...>) {
  constexpr TilePanel all[] = {tile_panel<I + 1>...};
  return all[count - 1];
}

constexpr TileShapes int8_shapes() {
  TileShapes shapes;
  for (int tile = 0; tile < 4; tile++) shapes.set(tile, kTileHeight, kLineBytes);
  for (int tile = 4; tile < 6; tile++) shapes.set(tile, 2 * kHalfHeight, kGroupCols);
  for (int tile = 6; tile < 8; tile++) shapes.set(tile, kLinesAGroup, kLineBytes);
  return shapes;
}
alignas(64) constexpr TileShapes kInt8Shapes = int8_shapes();

constexpr TileShapes full_shapes() {
  TileShapes shapes;
  for (int tile = 0; tile < 8; tile++) shapes.set(tile, kTileHeight, 64);
  return shapes;
}
alignas(64) constexpr TileShapes kFullShapes = full_shapes();

// Up to kMaxTiles · 16 tokens from m0 on, in tiles of nearly equal height; each fetches its share
// of the panel that comes next.
inline void tile_tokens(const DotRows& args, int64_t m0, int64_t count, TileMemory& memory) {
  const int64_t num_groups = 2 * blocks_of(args.k), stride = panel_bytes(args.k);
  const int num_tiles = static_cast<int>((count + kTileHeight - 1) / kTileHeight);
  int64_t starts[kMaxTiles + 1];
  for (int t = 0; t <= num_tiles; t++) starts[t] = m0 + count * t / num_tiles;
  for (int64_t first = 0; first < num_groups; first += kPackedGroups) {
    const int64_t groups = num_groups - first < kPackedGroups ? num_groups - first : kPackedGroups;
    for (int t = 0; t < num_tiles; t++) {
      pack_tokens(memory.x + t * kPackedGroups, args, starts[t],
                  static_cast<int>(starts[t + 1] - starts[t]), first, groups);
    }
    // A compiler does not see that tiles read what was packed.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const int64_t at = first / 2 * kBlockBytes;
    const bool last = first + groups == num_groups;
    // What comes next of these columns' place: the next piece of the panel, or the next call's
    // first.
    const auto* after = static_cast<const std::byte*>(last ? args.next_w : args.w) +
                        (last ? 0 : at + groups / 2 * kBlockBytes);
    for (int t = 0; t < num_tiles; t++) {
      const TilePanel run = tile_panel_of(static_cast<int>(starts[t + 1] - starts[t]),
                                          std::make_integer_sequence<int, kTileHeight>{});
      constexpr int kLines = kBlockBytes / 64;
      TileTask task{nullptr, memory.x + t * kPackedGroups, groups,
                    nullptr, kLines * t / num_tiles,       kLines * (t + 1) / num_tiles};
      for (int64_t n = 0; n < args.num_rows; n += kPanelRows) {
        const int64_t panel = n / kPanelRows * stride;
        task.block = static_cast<const std::byte*>(args.w) + panel + at;
        task.fetch = after + panel;
        run(args, starts[t], n, task, first == 0, last, memory);
      }
    }
  }
}

void dot_panels_on_tiles(const DotRows& args) {
  if (args.num_x < kMinTileTokens) return dot_panels<SplitProducts>(args);
  const UseTiles use(kInt8Shapes);
  TileMemory& memory = tile_memory();
  for (int64_t m = 0; m < args.num_x; m += kMaxTiles * kTileHeight) {
    const int64_t left = args.num_x - m;
    tile_tokens(args, m, left < kMaxTiles * kTileHeight ? left : kMaxTiles * kTileHeight, memory);
  }
}

// What the tiles give at most: products of bytes, or of pairs of bf16.
struct ByteTiles {
  static constexpr int64_t kFlops = 2 * 64 * kTileHeight * kPanelRows;
  static void multiply() {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
};

struct Bf16Tiles {
  static constexpr int64_t kFlops = 2 * 32 * kTileHeight * kPanelRows;
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
  alignas(64) float out[kTileHeight][kPanelRows];
  _tile_stored(0, out, 64);
  sink[0] += out[0][0];
  return rounds * 4 * P::kFlops;
}

}  // namespace
}  // namespace conclave::cpu

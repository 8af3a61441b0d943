// moe_experts of more tokens: pairs are sorted by expert as indices, activations stay where they
// are and are gathered while a tile is loaded.
//   sort     one block: each expert's pairs in their order, then the list of tiles
//   gate_up  a tile is 64 rows of gate and the same of up, alternating in fragments of 16, so that
//            silu·mul finds both in one lane
//   down     into one row a pair, then combine: a token's rows in the order of its slots
// Grids follow from the number of tokens alone; a block without a tile leaves at once.
#include "cuda/device/activation.h"
#include "cuda/device/tile.h"
#include "cuda/moe_experts.h"
#include "cuda/round_rows.h"

namespace conclave::cuda {

namespace {

constexpr int kSortThreads = 512, kSortWarps = kSortThreads / 32;
constexpr int kTilePairs = 64;

// Tile of up to 64 pairs of one expert: sorted[first] … sorted[first + count - 1].
struct PairTile {
  int expert, first, count;
};

struct SortedPairs {
  int* num_tiles;
  PairTile* tiles;
  int* sorted;
};

// How many pairs before `pair` of the 32 that the warp looks at are `mine` too.
__device__ __forceinline__ int rank_in_warp(uint32_t votes, int lane) {
  return hw::count_bits(votes & ((1u << lane) - 1));
}

__global__ void __launch_bounds__(kSortThreads)
    moe_sort_kernel(SortedPairs out, const int32_t* expert_ids, int num_pairs, int num_experts) {
  int* starts = hw::shared<int>();  // (num_experts + 1)
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int e = warp; e < num_experts; e += kSortWarps) {
    int count = 0;
    for (int i = 0; i < num_pairs; i += 32) {
      const bool mine = i + lane < num_pairs && expert_ids[i + lane] == e;
      count += hw::count_bits(hw::ballot(mine));
    }
    if (lane == 0) starts[e + 1] = count;
  }
  hw::sync_block();
  if (threadIdx.x == 0) {
    int tiles = 0;
    starts[0] = 0;
    for (int e = 0; e < num_experts; e++) {
      const int count = starts[e + 1];
      for (int i = 0; i < count; i += kTilePairs)
        out.tiles[tiles++] = {e, starts[e] + i, min(kTilePairs, count - i)};
      starts[e + 1] += starts[e];
    }
    *out.num_tiles = tiles;
  }
  hw::sync_block();
  for (int e = warp; e < num_experts; e += kSortWarps) {
    int next = starts[e];
    for (int i = 0; i < num_pairs; i += 32) {
      const bool mine = i + lane < num_pairs && expert_ids[i + lane] == e;
      const uint32_t votes = hw::ballot(mine);
      if (mine) out.sorted[next + rank_in_warp(votes, lane)] = i + lane;
      next += hw::count_bits(votes);
    }
  }
}

template <class W>
__global__ void __launch_bounds__(Tile<W>::kThreads)
    moe_tiles_gate_up_kernel(uint16_t* act, const uint16_t* x, SortedPairs pairs, MoeProblem p) {
  using T = Tile<W>;
  static_assert(T::kTokens == kTilePairs);
  if (static_cast<int>(blockIdx.x) >= *pairs.num_tiles) return;
  const PairTile tile = pairs.tiles[blockIdx.x];
  const ExpertPointers expert = p.experts[tile.expert];
  const int first_row = static_cast<int>(blockIdx.y) * (T::kRows / 2), hidden = p.hidden;
  TileCopies<W> copies;
  plan_copies<W>(
      copies,
      [&](int r) {
        const int row = first_row + r / 32 * kFragmentRows + r % kFragmentRows;
        const void* matrix = r % 32 < kFragmentRows ? expert.gate : expert.up;
        const auto* w = static_cast<const typename W::Stored*>(matrix);
        return row < p.intermediate ? w + int64_t{row} * hidden : nullptr;
      },
      [&](int r) {
        return r < tile.count ? x + int64_t{pairs.sorted[tile.first + r] / p.k} * hidden : nullptr;
      });
  TileScales<W> scales;
  plan_scales<W>(scales, [&](int r) {
    const int row = first_row + r / 32 * kFragmentRows + r % kFragmentRows;
    return (r % 32 < kFragmentRows ? expert.gate_scales : expert.up_scales) +
           int64_t{min(row, p.intermediate - 1)} * scales_of_row(hidden);
  });
  typename T::Sums total = {};
  multiply_tile<W>(total, copies, scales, x, hidden);
  for_each_sum<W>([&](int row, int token, int m, int n, int i) {
    const int at = first_row + row / 32 * kFragmentRows + row % kFragmentRows;
    if (m != 0 || token >= tile.count || at >= p.intermediate) return;
    const int64_t pair = pairs.sorted[tile.first + token];
    act[pair * p.intermediate + activation_index<W>(at)] =
        hw::to_bf16(silu_mul(total[0][n][i], total[1][n][i]));
  });
}

template <class W>
__global__ void __launch_bounds__(Tile<W>::kThreads)
    moe_tiles_down_kernel(float* rows, const uint16_t* act, SortedPairs pairs, MoeProblem p) {
  using T = Tile<W>;
  if (static_cast<int>(blockIdx.x) >= *pairs.num_tiles) return;
  const PairTile tile = pairs.tiles[blockIdx.x];
  const ExpertPointers expert = p.experts[tile.expert];
  const int first_row = static_cast<int>(blockIdx.y) * T::kRows, width = p.intermediate;
  const auto* w = static_cast<const typename W::Stored*>(expert.down);
  TileCopies<W> copies;
  plan_copies<W>(
      copies,
      [&](int r) {
        return first_row + r < p.hidden ? w + int64_t{first_row + r} * width : nullptr;
      },
      [&](int r) {
        return r < tile.count ? act + int64_t{pairs.sorted[tile.first + r]} * width : nullptr;
      });
  TileScales<W> scales;
  plan_scales<W>(scales, [&](int r) {
    return expert.down_scales + int64_t{min(first_row + r, p.hidden - 1)} * scales_of_row(width);
  });
  typename T::Sums total = {};
  multiply_tile<W>(total, copies, scales, act, width);
  for_each_sum<W>([&](int row, int token, int m, int n, int i) {
    const int h = first_row + row;
    if (token < tile.count && h < p.hidden)
      rows[int64_t{pairs.sorted[tile.first + token]} * p.hidden + h] = total[m][n][i];
  });
}

constexpr int kCombineThreads = 256;

__global__ void __launch_bounds__(kCombineThreads)
    moe_combine_kernel(const float* rows, MoeProblem p) {
  const int token = static_cast<int>(blockIdx.x);
  for (int h = static_cast<int>(threadIdx.x); h < p.hidden; h += kCombineThreads) {
    float sum = 0;
    for (int j = 0; j < p.k; j++) {
      const int pair = token * p.k + j;
      if (p.expert_ids[pair] >= 0)
        sum = fmaf(p.weights[pair], rows[int64_t{pair} * p.hidden + h], sum);
    }
    p.y[int64_t{token} * p.hidden + h] = sum;
  }
}

int64_t align(int64_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace

template <class W>
void moe_tiles(const MoeProblem& p, CudaStream& stream) {
  using T = Tile<W>;
  const int num_pairs = p.num_tokens * p.k;
  // Every expert may end in a tile that is not full.
  const int64_t max_tiles = num_pairs / kTilePairs + min(p.num_experts, num_pairs);
  const int64_t x_bytes = align(int64_t{p.num_tokens} * p.hidden * 2);
  const int64_t act_bytes = align(int64_t{num_pairs} * p.intermediate * 2);
  char* memory = static_cast<char*>(stream.scratch(0, x_bytes + act_bytes));
  auto* x = reinterpret_cast<uint16_t*>(memory);
  auto* act = reinterpret_cast<uint16_t*>(memory + x_bytes);
  auto* rows = static_cast<float*>(stream.scratch(1, int64_t{num_pairs} * p.hidden * 4));
  const int64_t tiles_bytes = align(max_tiles * int64_t{sizeof(PairTile)});
  char* lists = static_cast<char*>(stream.scratch(2, 256 + tiles_bytes + int64_t{num_pairs} * 4));
  const SortedPairs pairs{reinterpret_cast<int*>(lists), reinterpret_cast<PairTile*>(lists + 256),
                          reinterpret_cast<int*>(lists + 256 + tiles_bytes)};
  hw::launch("moe_experts", moe_sort_kernel, {1}, kSortThreads,
             (p.num_experts + 1) * int64_t{sizeof(int)}, stream.queue, pairs, p.expert_ids,
             num_pairs, p.num_experts);
  round_rows<W>(x, p.x, int64_t{p.num_tokens} * p.hidden, stream);
  hw::launch("moe_experts", moe_tiles_gate_up_kernel<W>,
             {blocks(max_tiles, 1), blocks(p.intermediate, T::kRows / 2)}, T::kThreads,
             T::kSharedBytes, stream.queue, act, static_cast<const uint16_t*>(x), pairs, p);
  hw::launch("moe_experts", moe_tiles_down_kernel<W>,
             {blocks(max_tiles, 1), blocks(p.hidden, T::kRows)}, T::kThreads, T::kSharedBytes,
             stream.queue, rows, static_cast<const uint16_t*>(act), pairs, p);
  hw::launch("moe_experts", moe_combine_kernel, {blocks(p.num_tokens, 1)}, kCombineThreads, 0,
             stream.queue, static_cast<const float*>(rows), p);
}

template void moe_tiles<Bf16>(const MoeProblem&, CudaStream&);
template void moe_tiles<Int8>(const MoeProblem&, CudaStream&);

}  // namespace conclave::cuda

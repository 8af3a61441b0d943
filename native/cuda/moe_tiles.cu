// moe_experts of more tokens, between the sorting and the summing of moe_sort.h: activations are
// gathered while a tile is loaded.
//   gate_up  a tile is 64 rows of gate and the same of up, alternating in fragments of 16, so that
//            silu·mul finds both in one lane
//   down     into one row a pair
// Grids follow from the number of tokens alone; a block without a tile leaves at once.
#include "cuda/device/activation.h"
#include "cuda/device/tile.h"
#include "cuda/moe_sort.h"
#include "cuda/round_rows.h"

namespace conclave::cuda {

namespace {

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

}  // namespace

template <class W>
void moe_tiles(const MoeProblem& p, CudaStream& stream) {
  using T = Tile<W>;
  const PairMemory memory = pair_memory(p, stream);
  const SortedPairs pairs = sort_pairs(p, stream);
  const unsigned max_tiles = blocks(max_pair_tiles(p), 1);
  round_rows<W>(memory.x, p.x, int64_t{p.num_tokens} * p.hidden, stream);
  hw::launch("moe_experts", moe_tiles_gate_up_kernel<W>,
             {max_tiles, blocks(p.intermediate, T::kRows / 2)}, T::kThreads, T::kSharedBytes,
             stream.queue, memory.act, static_cast<const uint16_t*>(memory.x), pairs, p);
  hw::launch("moe_experts", moe_tiles_down_kernel<W>, {max_tiles, blocks(p.hidden, T::kRows)},
             T::kThreads, T::kSharedBytes, stream.queue, memory.rows,
             static_cast<const uint16_t*>(memory.act), pairs, p);
  combine_pairs(memory.rows, p, stream);
}

template void moe_tiles<Bf16>(const MoeProblem&, CudaStream&);
template void moe_tiles<Int8>(const MoeProblem&, CudaStream&);

}  // namespace conclave::cuda

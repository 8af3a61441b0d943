#pragma once
// The two ends of moe_experts of many tokens: pairs sorted by expert as indices, activations stay
// where they are; and a token's rows summed in the order of its slots.
#include "cuda/moe_experts.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

// Tile of up to kTilePairs pairs of one expert: sorted[first] … sorted[first + count - 1].
struct PairTile {
  int expert, first, count;
};

struct SortedPairs {
  int* num_tiles;
  PairTile* tiles;
  int* sorted;
};

// What lies between the kernels: activations in bf16, those between up and down, rows of pairs.
struct PairMemory {
  uint16_t *x, *act;  // (num_tokens, hidden), (pairs, intermediate)
  float* rows;        // (pairs, hidden)
};
PairMemory pair_memory(const MoeProblem& p, CudaStream& stream);

// Each expert's pairs in their order, cut into tiles; in one block. Pairs without an expert are in
// no tile.
SortedPairs sort_pairs(const MoeProblem& p, CudaStream& stream);
// From the number of tokens alone, as grids must: every expert may end in a tile that is not full.
int max_pair_tiles(const MoeProblem& p);
// y = Σ over a token's slots, in order, of weight · row.
void combine_pairs(const float* rows, const MoeProblem& p, CudaStream& stream);

}  // namespace conclave::cuda

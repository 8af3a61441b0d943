#include "cuda/moe_sort.h"

namespace conclave::cuda {

namespace {

constexpr int kSortThreads = 512, kSortWarps = kSortThreads / 32;

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

}  // namespace

PairMemory pair_memory(const MoeProblem& p, CudaStream& stream) {
  const int num_pairs = p.num_tokens * p.k;
  const int64_t x_bytes = scratch_align(int64_t{p.num_tokens} * p.hidden * 2);
  char* memory = static_cast<char*>(
      stream.scratch(0, pair_values_bytes(p.num_tokens, num_pairs, p.hidden, p.intermediate)));
  return {reinterpret_cast<uint16_t*>(memory), reinterpret_cast<uint16_t*>(memory + x_bytes),
          static_cast<float*>(stream.scratch(1, pair_rows_bytes(num_pairs, p.hidden)))};
}

int max_pair_tiles(const MoeProblem& p) {
  const int num_pairs = p.num_tokens * p.k;
  return num_pairs / kTilePairs + min(p.num_experts, num_pairs);
}

SortedPairs sort_pairs(const MoeProblem& p, CudaStream& stream) {
  const int num_pairs = p.num_tokens * p.k;
  const int64_t num_tiles = max_pair_tiles(p);
  static_assert(sizeof(PairTile) == 12);
  char* lists = static_cast<char*>(stream.scratch(2, pair_lists_bytes(num_tiles, num_pairs)));
  char* tiles = lists + kScratchAlign;
  char* sorted = tiles + pair_tiles_bytes(num_tiles);
  const SortedPairs pairs{reinterpret_cast<int*>(lists), reinterpret_cast<PairTile*>(tiles),
                          reinterpret_cast<int*>(sorted)};
  hw::launch("moe_experts", moe_sort_kernel, {1}, kSortThreads,
             (p.num_experts + 1) * int64_t{sizeof(int)}, stream.queue, pairs, p.expert_ids,
             num_pairs, p.num_experts);
  return pairs;
}

void combine_pairs(const float* rows, const MoeProblem& p, CudaStream& stream) {
  hw::launch("moe_experts", moe_combine_kernel, {blocks(p.num_tokens, 1)}, kCombineThreads, 0,
             stream.queue, rows, p);
}

}  // namespace conclave::cuda

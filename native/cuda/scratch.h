#pragma once
// Bytes of scratch memory that each op's launchers take of their stream: what they ask for, and
// what a plan counts on before anything is taken.
#include <algorithm>
#include <cstdint>

namespace conclave::cuda {

inline constexpr int64_t kScratchAlign = 256;
inline int64_t scratch_align(int64_t bytes) {
  return (bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
}
// What a slot takes where `bytes` are asked for: some more, so that it seldom grows again.
inline int64_t grown_scratch(int64_t bytes) {
  return std::max(bytes + bytes / 4, int64_t{4096}) / kScratchAlign * kScratchAlign + kScratchAlign;
}

// Positions of a span of attention, pairs of a tile of experts.
inline constexpr int kSpanPositions = 64, kTilePairs = 64;

// matmul, slot 0: activations in bf16.
inline int64_t rounded_bytes(int64_t num_tokens, int64_t in) { return num_tokens * in * 2; }

// attention of int8 pages, slot 1: queries turned.
inline int64_t turned_bytes(int64_t num_tokens, int64_t width) { return num_tokens * width * 4; }
// attention of one token a sequence, slot 0: a row for each head and span of its positions, with
// its maximum and sum in front.
inline int64_t span_softmax_bytes(int64_t num_rows) { return scratch_align(num_rows * 8); }
inline int64_t span_bytes(int64_t num_rows, int64_t head_dim) {
  return span_softmax_bytes(num_rows) + num_rows * head_dim * 4;
}
// attention of one token a sequence on Hopper: a counter for each of its kv heads.
inline int64_t ticket_bytes(int64_t count) { return count * 4; }

// moe_experts, by pairs of a token and an expert. Slot 0: activations in front, and what lies
// between up and down, both in bf16. Kernels of few tokens, and of f32, have the latter alone.
inline int64_t pair_values_bytes(int64_t num_tokens, int64_t num_pairs, int64_t hidden,
                                 int64_t intermediate) {
  return scratch_align(num_tokens * hidden * 2) + scratch_align(num_pairs * intermediate * 2);
}
// Slot 1: rows of pairs.
inline int64_t pair_rows_bytes(int64_t num_pairs, int64_t hidden) { return num_pairs * hidden * 4; }
// Slot 2: pairs by expert, and their tiles.
inline int64_t pair_tiles_bytes(int64_t num_tiles) { return scratch_align(num_tiles * 12); }
inline int64_t pair_lists_bytes(int64_t num_tiles, int64_t num_pairs) {
  return kScratchAlign + pair_tiles_bytes(num_tiles) + num_pairs * 4;
}

// sample, slot 0. Ids whose maximum is kept:
inline constexpr int kSampleBlock = 64;
// What kernels keep of rows of `ids` logits: of each block of ids its maximum, its place in a list
// and two sums; a copy of those rows that are edited; what comes back.
inline int64_t sample_values_bytes(int64_t num_rows, int64_t num_edited, int64_t ids) {
  const int64_t blocks = num_rows * ((ids + kSampleBlock - 1) / kSampleBlock);
  return 2 * scratch_align(blocks * 4) + 2 * scratch_align(blocks * 8) +
         scratch_align(num_edited * ids * 4);
}
inline int64_t sample_results_bytes(int64_t num_rows, int64_t alternatives) {
  return scratch_align(num_rows * 12) + 2 * scratch_align(num_rows * alternatives * 4);
}
// Settings, the words of grammars, and edits: a plan counts on an edit for each fourth id.
inline int64_t sample_request_bytes(int64_t num_rows, int64_t num_edits, int64_t num_words) {
  return scratch_align(num_rows * 80) + scratch_align(num_edits * 16) +
         scratch_align(num_words * 8);
}

}  // namespace conclave::cuda

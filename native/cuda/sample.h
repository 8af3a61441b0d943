#pragma once
// sample on a card: what the host writes of each row that is sampled, and what comes back.
//   Three kernels. sample_scan: edits a copy of the row where it has edits, and takes the maximum
//   of each block of kSampleBlock ids. sample_weigh: sums of weights of each block, for rows that
//   need those of all ids. sample_choose: a thread block a row finds the borders of top_k, top_p
//   and the alternatives as values (device/row_search.h), then draws; it looks at no block of ids
//   whose maximum says that nothing of it matters. Nothing is sorted but the alternatives. bits the
//   CPU's: weights are whole numbers (ops/sample_math.h) cost    one read of the row where greedy
//   or with top_k; one more for the sums; top_p reads what
//           is not negligible seven times, min_p alone twice. Memory- and latency-bound.
#include <cstdint>

#include "cuda/scratch.h"
#include "cuda/stream.h"
#include "ops/sample_math.h"

namespace conclave::cuda {

// A row that is sampled, in memory of the card.
struct SampledRow {
  uint64_t random;
  int64_t row, edited_row;         // of the logits; of the edited copies, −1 where there is none
  int64_t first_edit, first_word;  // −1: no grammar
  int32_t num_edits, num_ids;      // ids from num_ids on are not looked at
  int32_t top_k, alternatives;     // −1: no logprobs
  float temperature, top_p, min_p;
  ops::Penalties penalties;

  constexpr bool is_cut() const { return top_k > 0 && top_k < num_ids; }
  // Sums of the weights of all ids are needed for the draw.
  constexpr bool draws_from_all() const { return temperature != 0 && !is_cut(); }
};

enum class Outcome : int32_t { chosen, unsound, nothing_left };

struct SampledToken {
  Outcome outcome;
  int32_t id;
  float logprob;
};

struct SampleProblem {
  const float* logits;  // (rows, vocab)
  int64_t vocab;
  int num_rows, num_chunks, num_blocks;  // rows that are sampled; of each row
  const SampledRow* rows;                // (num_rows)
  const ops::Edit* edits;
  const uint64_t* words;           // of grammars
  float* edited;                   // (rows that are edited, vocab)
  float* maxima;                   // (num_rows, num_blocks) NaN where the block is not sound
  uint64_t *draw_sums, *log_sums;  // (num_rows, num_blocks)
  int32_t* listed;                 // (num_rows, num_blocks)
  SampledToken* tokens;            // (num_rows)
  int32_t* chosen;                 // by row of the logits: the token's id or −1; may be null
  int32_t* top_ids;                // (num_rows, alternatives) best first; −1 where there is none
  float* top_logprobs;
  int alternatives;
};

void sample_choose(const SampleProblem& problem, CudaStream& stream);

}  // namespace conclave::cuda

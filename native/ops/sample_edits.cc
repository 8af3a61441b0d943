#include "ops/sample_edits.h"

#include <algorithm>

namespace conclave::ops {

bool has_edits(const SamplerState& state) {
  const SamplingParams& p = state.params;
  return !p.bias_ids.empty() || p.repetition_penalty != 1 || p.presence_penalty != 0 ||
         p.frequency_penalty != 0 ||
         (state.num_generated < p.min_tokens && !p.banned_until_min.empty()) || state.matcher;
}

void append_edits(std::vector<Edit>& edits, const SamplerState& state, int64_t n) {
  const auto first = static_cast<int64_t>(edits.size());
  for_each_edit(state, n, [&](const Edit& edit) { edits.push_back(edit); });
  std::stable_sort(edits.begin() + first, edits.end(),
                   [](const Edit& a, const Edit& b) { return a.id < b.id; });
}

void fill_allowed(uint64_t* allowed, const SamplerState& state, int64_t n) {
  const grammar::Matcher& matcher = *state.matcher;
  const grammar::Mask* mask = matcher.mask();
  const size_t count = static_cast<size_t>((n + 63) / 64);
  const size_t known = mask ? std::min(count, mask->bits.size()) : 0;
  if (known > 0) std::copy_n(mask->bits.begin(), known, allowed);
  std::fill(allowed + known, allowed + count, 0);
  // Ids of the end are not a token of the grammar's text: they come where it may end.
  for (const int32_t id : state.params.banned_until_min) {
    if (id < 0 || id >= n) continue;
    const uint64_t bit = uint64_t{1} << id % 64;
    if (matcher.may_end()) allowed[id / 64] |= bit;
    else allowed[id / 64] &= ~bit;
  }
}

SampleStatus nothing_left(const SamplerState& state) {
  if (!state.matcher) return SampleStatus::numerical_error;
  if (state.matcher->state() == grammar::MatchState::limit) return SampleStatus::grammar_limit;
  return state.matcher->may_end() ? SampleStatus::grammar_complete : SampleStatus::grammar_dead;
}

}  // namespace conclave::ops

#pragma once
// What a sampler does to a row of logits before it chooses: edit by edit, or as flat lists for
// devices that cannot follow its maps.
#include <vector>

#include "ops/sample.h"
#include "ops/sample_math.h"

namespace conclave::ops {

bool has_edits(const SamplerState& state);

// fn(Edit) for each edit of an id below n; those of one id come in the order of EditKind.
template <class Fn>
void for_each_edit(const SamplerState& state, int64_t n, Fn&& fn) {
  const SamplingParams& p = state.params;
  const auto edit = [&](int32_t id, EditKind kind, double value = 0) {
    if (id >= 0 && id < n) fn(Edit{id, kind, value});
  };
  for (size_t i = 0; i < p.bias_ids.size(); i++)
    edit(p.bias_ids[i], EditKind::bias, p.bias_values[i]);
  if (p.repetition_penalty != 1) {
    for (const auto& [id, count] : state.prompt_counts) edit(id, EditKind::repetition);
    for (const auto& [id, count] : state.generated_counts)
      if (!state.prompt_counts.count(id)) edit(id, EditKind::repetition);
  }
  if (p.presence_penalty != 0 || p.frequency_penalty != 0)
    for (const auto& [id, count] : state.generated_counts) edit(id, EditKind::count, count);
  if (state.num_generated < p.min_tokens)
    for (const int32_t id : p.banned_until_min) edit(id, EditKind::ban);
}

// Adds the edits of ids below n, rising by id; those of one id in the order of EditKind.
void append_edits(std::vector<Edit>& edits, const SamplerState& state, int64_t n);

// allowed (ceil(n / 64)): a bit for each id that the state's grammar allows. Its matcher is
// prepared.
void fill_allowed(uint64_t* allowed, const SamplerState& state, int64_t n);

// Why a row whose logits were sound has no token left.
SampleStatus nothing_left(const SamplerState& state);

}  // namespace conclave::ops

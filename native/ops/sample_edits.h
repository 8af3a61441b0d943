#pragma once
// What a sampler does to a row of logits before it chooses, as flat lists: for devices that cannot
// follow its maps.
#include <vector>

#include "ops/sample.h"
#include "ops/sample_math.h"

namespace conclave::ops {

bool has_edits(const SamplerState& state);

// Adds the edits of ids below n, rising by id; those of one id in the order of EditKind.
void append_edits(std::vector<Edit>& edits, const SamplerState& state, int64_t n);

// allowed (ceil(n / 64)): a bit for each id that the state's grammar allows. Its matcher is
// prepared.
void fill_allowed(uint64_t* allowed, const SamplerState& state, int64_t n);

// Why a row whose logits were sound has no token left.
SampleStatus nothing_left(const SamplerState& state);

}  // namespace conclave::ops

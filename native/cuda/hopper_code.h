#pragma once
#include "cuda/runtime.h"

namespace conclave::cuda {

// Whether the code that this card runs has the instructions of 9.0 alone: true for a card of 9.0
// where the build is for 90a, not where it has plain code for 90 or PTX. The card is asked, once a
// queue: a build without code for it says so here. Throws gpu_unavailable.
bool has_hopper_code(const runtime::Card& card, void* queue);

}  // namespace conclave::cuda

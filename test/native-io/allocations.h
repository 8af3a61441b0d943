#pragma once
// Counts what operator new hands out in this program, and makes the k-th allocation fail.
#include <cstddef>

namespace conclave::test {

size_t live_bytes();
// Starts a new peak from what is live now.
void reset_peak();
size_t peak_bytes();

// From now on the k-th allocation (from 0) throws std::bad_alloc, once; −1: none does.
void fail_allocation(long k);

}  // namespace conclave::test

#pragma once
// Makes the k-th call of one kind fail, in the whole process. hooks.cc asks at every call.
#include <cstdint>

namespace conclave::test {

enum class Fault { allocation, open, stat, fstat, mmap, thread };

constexpr Fault kFaults[] = {Fault::allocation, Fault::open, Fault::stat,
                             Fault::fstat,      Fault::mmap, Fault::thread};
const char* fault_name(Fault fault);

// The k-th call from now on (from 0) fails: it alone, or with all that follow.
enum class Extent { once, from_then_on };
void arm(Fault fault, int64_t k, Extent extent);
// Ends that; how many calls failed.
int64_t disarm();

// For the hooks: whether this call is to fail.
bool fails(Fault fault);
void count_block(int64_t change);

// Blocks of malloc, calloc and operator new that are not freed yet.
int64_t live_blocks();

}  // namespace conclave::test

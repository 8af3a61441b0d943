#pragma once
// How much a piece of code has allocated at its peak, by the sanitizer's own hooks.
#include <cstdint>

namespace conclave::test {

class AllocationBound {
 public:
  AllocationBound();
  // Breaks a claim where the peak since the start is above `bytes`.
  void at_most(uint64_t bytes) const;

 private:
  int64_t base_;
};

}  // namespace conclave::test

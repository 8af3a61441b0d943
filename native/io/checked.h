#pragma once
// Arithmetic on numbers that come from a file. There is no other arithmetic on them in this room.
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "core/error.h"

namespace conclave::io {

// `what` ends the sentence ("… while computing the size of tensor x"): text, or a function that
// makes it where it is needed.
template <typename What>
std::string describe(const What& what) {
  if constexpr (std::is_invocable_v<const What&>) {
    return what();
  } else {
    return what;
  }
}

template <typename What>
uint64_t checked_add(uint64_t a, uint64_t b, const What& what) {
  if (a <= std::numeric_limits<uint64_t>::max() - b) return a + b;
  throw Error("invalid_file", "Expected a sum within 64 bits, but " + std::to_string(a) + " + " +
                                  std::to_string(b) + " is larger, while computing " +
                                  describe(what) + ".");
}

template <typename What>
uint64_t checked_mul(uint64_t a, uint64_t b, const What& what) {
  if (b == 0 || a <= std::numeric_limits<uint64_t>::max() / b) return a * b;
  throw Error("invalid_file", "Expected a product within 64 bits, but " + std::to_string(a) +
                                  " * " + std::to_string(b) + " is larger, while computing " +
                                  describe(what) + ".");
}

}  // namespace conclave::io

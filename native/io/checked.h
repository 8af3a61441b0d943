#pragma once
// Arithmetic on numbers that come from a file. There is no other arithmetic on them in this room.
#include <cstdint>
#include <limits>
#include <string>

#include "core/error.h"

namespace conclave::io {

// `what` ends the sentence: "… while computing the size of tensor x".
inline uint64_t checked_add(uint64_t a, uint64_t b, const std::string& what) {
  if (a <= std::numeric_limits<uint64_t>::max() - b) return a + b;
  throw Error("invalid_file", "Expected numbers that add up within 64 bits, but " +
                                  std::to_string(a) + " + " + std::to_string(b) +
                                  " does not, while computing " + what + ".");
}

inline uint64_t checked_mul(uint64_t a, uint64_t b, const std::string& what) {
  if (b == 0 || a <= std::numeric_limits<uint64_t>::max() / b) return a * b;
  throw Error("invalid_file", "Expected a product within 64 bits, but " + std::to_string(a) +
                                  " * " + std::to_string(b) + " is larger, while computing " +
                                  what + ".");
}

}  // namespace conclave::io

#pragma once
// A finished grammar: what cannot end is cut away, so that every state still leads to an end; left
// recursion is refused, so that every closure is finite; bytes that no state tells apart are one
// class.
#include <array>
#include <cstdint>
#include <vector>

#include "grammar/rules.h"

namespace conclave::grammar {

// Frames on a stack: what would nest deeper is not offered.
inline constexpr uint32_t kMaxDepth = 256;
// A distance that no sequence reaches.
inline constexpr uint32_t kFar = 1u << 30;

struct ProgramState {
  int32_t call = -1, after = -1;
  uint32_t min = 0, max = 0;
  bool repeats = false, end = false;
  uint32_t first_edge = 0, num_edges = 0, first_jump = 0, num_jumps = 0;
  uint32_t distance = 0;  // fewest bytes from here to the end of the rule
  uint32_t depth = 0;     // fewest frames above this one that a way to the end needs
};

struct ByteEdge {
  uint8_t low, high;
  int32_t to;
};

struct Program {
  std::vector<ProgramState> states;
  std::vector<ByteEdge> edges;
  std::vector<int32_t> jumps;
  std::vector<int32_t> starts;  // of each rule
  int32_t root = 0;             // start state
  std::array<uint8_t, 256> class_of{};
  std::vector<uint8_t> class_byte;  // one byte of each class

  int64_t bytes() const;
};

// Throws grammar_error where no text matches or a rule begins with itself, grammar_limit.
Program finish(Rules&& rules, int32_t root_rule);

}  // namespace conclave::grammar

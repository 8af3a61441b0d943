#pragma once
// A regex over whole characters, run on the text itself: nondeterministic, its repetitions written
// out.
#include <utility>
#include <vector>

#include "grammar/regex.h"

namespace conclave::grammar {

class CodeAutomaton {
 public:
  // Of a regex without anchors. Throws grammar_limit where it needs more than 4,096 states.
  explicit CodeAutomaton(const Regex& regex);

  // States that the empty text reaches, and a set of states and one character more; rising.
  std::vector<int32_t> start() const { return closure({0}); }
  std::vector<int32_t> step(const std::vector<int32_t>& set, uint32_t c) const;
  bool accepts(const std::vector<int32_t>& set) const;

  // Ranges of characters that no state tells apart inside.
  std::vector<CodeRange> ranges() const;
  size_t num_states() const { return states_.size(); }

 private:
  struct Node {
    std::vector<std::pair<CharSet, int32_t>> reads;
    std::vector<int32_t> jumps;
  };

  int32_t add_state();
  void jump(int32_t from, int32_t to);
  void add(int32_t from, int32_t to, const Regex& regex);
  void add_repeat(int32_t from, int32_t to, const Regex& regex);
  std::vector<int32_t> closure(std::vector<int32_t> work) const;

  std::vector<Node> states_;
  int32_t end_;
};

}  // namespace conclave::grammar

#include "grammar/patterns.h"

namespace conclave::grammar {

bool Patterns::match(const std::string& pattern, std::string_view text) {
  auto found = read_.find(pattern);
  if (found == read_.end()) {
    found = read_.emplace(pattern, CodeAutomaton(*whole_text(parse_regex(pattern)))).first;
    rules_.spend(static_cast<int64_t>(found->second.num_states()));
  }
  const CodeAutomaton& automaton = found->second;
  // A step looks at the states reached and clears a bit of every state.
  const auto bits = static_cast<int64_t>(automaton.num_states() / 64);
  std::vector<int32_t> set = automaton.start();
  for (const uint32_t c : code_points(text, "a text")) {
    rules_.spend(static_cast<int64_t>(set.size()) + bits + 1);
    set = automaton.step(set, c);
    if (set.empty()) return false;
  }
  return automaton.accepts(set);
}

}  // namespace conclave::grammar

#pragma once
// Which texts a schema's patterns match. A pattern is read once, whatever asks for it; the work
// counts as the rules'.
#include <map>
#include <string>
#include <string_view>

#include "grammar/code_automaton.h"
#include "grammar/rules.h"

namespace conclave::grammar {

class Patterns {
 public:
  explicit Patterns(Rules& rules) : rules_(rules) {}

  // As `pattern` of JSON Schema has it: anywhere in the text unless it is anchored. Throws
  // grammar_error and grammar_limit.
  bool match(const std::string& pattern, std::string_view text);

 private:
  Rules& rules_;
  std::map<std::string, CodeAutomaton> read_;
};

}  // namespace conclave::grammar

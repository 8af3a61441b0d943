#pragma once
// Grammars as text, in llama.cpp's notation (GBNF):
//   root  ::= "yes" | "no" | list      # alternatives
//   list  ::= "[" item ("," item)* "]" # groups, * + ? {m} {m,} {m,n}
//   item  ::= [a-z0-9]+ | [^"\n] | .   # characters
// The text begins with the rule `root`, or with the first one where there is no `root`.
#include <string_view>

#include "grammar/rules.h"

namespace conclave::grammar {

// Adds the rules and returns the one to begin with. Throws grammar_error with line and column,
// grammar_limit.
int32_t add_ebnf(Rules& rules, std::string_view grammar);

}  // namespace conclave::grammar

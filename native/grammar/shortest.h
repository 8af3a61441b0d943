#pragma once
// What is found out about a grammar before it is used: the shortest way from each state to the end
// of its rule, and whether a rule can call itself before it reads a byte.
#include "grammar/program.h"

namespace conclave::grammar {

// Fills `distance` and `depth` of every state; kFar where no way leads to an end.
void measure(Program& program, const Rules& rules);

// Throws grammar_error naming the rule.
void refuse_left_recursion(const Program& program, const Rules& rules);

}  // namespace conclave::grammar

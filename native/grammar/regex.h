#pragma once
// Regular expressions in ECMAScript's notation, without what is not regular: no lookaround, no
// back-references, no word boundaries. Matching takes time in proportion to the text.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/rules.h"

namespace conclave::grammar {

struct Regex {
  enum class Kind { empty, chars, sequence, choice, repeat, start, end } kind = Kind::empty;
  CharSet set;
  std::vector<std::unique_ptr<Regex>> parts;
  uint32_t min = 0, max = 0;
};

using RegexPtr = std::unique_ptr<Regex>;

// Throws grammar_error for what does not parse or is not regular, grammar_limit where it nests
// deeper than 64.
RegexPtr parse_regex(std::string_view pattern);

// The same with its anchors worked out, so that a whole text must match: `whole_text` as `pattern`
// of JSON Schema, anywhere in the text unless it is anchored; `without_anchors` as it stands.
// Throws grammar_error for an anchor in the middle.
RegexPtr whole_text(RegexPtr regex);
RegexPtr without_anchors(RegexPtr regex);

// Adds the ways of a regex without anchors between two states.
void add_regex(Rules& rules, int32_t from, int32_t to, const Regex& regex, Spelling spelling);

// Fewest and most characters that a whole match has; kNoLimit where there is no most.
struct Lengths {
  uint64_t min, max;
};
Lengths lengths_of(const Regex& regex);

// Adds what matches and has min to max characters. Throws grammar_limit where that needs too many
// states.
void add_bounded(Rules& rules, int32_t from, int32_t to, const Regex& regex, uint32_t min,
                 uint32_t max, Spelling spelling);

// `\d`, `\w`, `\s` as ECMAScript has them; none for another letter.
bool class_escape(CharSet& set, uint32_t letter);

}  // namespace conclave::grammar

#pragma once
// JSON itself as rules: what a schema leaves open.
#include <string_view>

#include "grammar/rules.h"

namespace conclave::grammar {

class JsonRules {
 public:
  explicit JsonRules(Rules& rules) : rules_(rules) {}

  // Nothing, one blank, or a new line with at most 32 blanks: enough for every usual layout, and
  // never without end.
  int32_t space();
  // One character of a string, escapes included; escaped surrogates are left out, so that each is
  // one character to whoever counts.
  int32_t string_char();
  int32_t string();
  int32_t number();
  int32_t array();
  int32_t object();
  int32_t value();

  // From and to states of a new rule.
  int32_t start(int32_t rule) const { return rules_.rules[static_cast<size_t>(rule)].start; }
  int32_t end(int32_t rule) const { return rules_.rules[static_cast<size_t>(rule)].end; }
  // `,` or `:` and what blanks may follow.
  int32_t mark(int32_t from, char mark);
  // The blanks before a closing bracket, and the bracket.
  void shut(int32_t from, int32_t to, char close);
  // `open` … `close` around none or more of `item`, with commas.
  void list(int32_t rule, char open, char close, int32_t item);

 private:
  template <class Make>
  int32_t once(int32_t& rule, const char* name, const Make& make);
  Rules& rules_;
  int32_t space_ = -1, char_ = -1, string_ = -1, number_ = -1, array_ = -1, object_ = -1,
          value_ = -1;
};

}  // namespace conclave::grammar

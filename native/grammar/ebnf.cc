#include "grammar/ebnf.h"

#include <map>

#include "core/error.h"
#include "grammar/text_cursor.h"

namespace conclave::grammar {
namespace {

constexpr int kMaxNesting = 64;
constexpr size_t kMaxText = 256 << 10;
constexpr size_t kMaxRules = 10'000;

bool is_name(uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

std::string_view bounded(std::string_view text) {
  if (text.size() > kMaxText)
    throw Error("grammar_limit", "Expected a grammar of at most 262,144 bytes.");
  return text;
}

class EbnfParser : private TextCursor {
 public:
  EbnfParser(Rules& rules, std::string_view text)
      : TextCursor(bounded(text), "a grammar"), rules_(rules) {}

  int32_t parse() {
    int32_t first = -1;
    for (space(true); !done(); space(true)) {
      const std::string name = identifier();
      const int32_t rule = rule_of(name);
      if (defined_[name]) fail("a second rule " + name);
      defined_[name] = true;
      space(false);
      for (const char c : {':', ':', '='})
        if (!take(static_cast<uint32_t>(c))) fail("something else than ::=");
      if (first < 0) first = rule;
      alternatives(start(rule), end(rule), 0, true);
    }
    for (const auto& [name, known] : defined_)
      if (!known) throw Error("grammar_error", "Expected a rule named " + name + ", but none is.");
    if (first < 0) throw Error("grammar_error", "Expected a grammar, but it has no rule.");
    const auto root = named_.find("root");
    return root != named_.end() ? root->second : first;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); i++) {
      column = text_[i] == '\n' ? 1 : column + 1;
      line += text_[i] == '\n';
    }
    throw Error("grammar_error", "Expected a grammar, but found " + what + " at line " +
                                     std::to_string(line) + ", column " + std::to_string(column) +
                                     ".");
  }

  int32_t start(int32_t rule) const { return rules_.rules[static_cast<size_t>(rule)].start; }
  int32_t end(int32_t rule) const { return rules_.rules[static_cast<size_t>(rule)].end; }

  void space(bool lines) {
    while (!done()) {
      const uint32_t c = peek();
      if (c == '#') {
        while (!done() && peek() != '\n') at_++;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        at_++;
      } else {
        return;
      }
    }
  }

  std::string identifier() {
    std::string name;
    while (is_name(peek()) && name.size() < 256) name.push_back(static_cast<char>(text_[at_++]));
    if (name.empty()) fail("no name of a rule");
    return name;
  }

  int32_t rule_of(const std::string& name) {
    const auto [found, fresh] = named_.try_emplace(name, -1);
    if (fresh) {
      if (named_.size() > kMaxRules)
        throw Error("grammar_limit", "Expected a grammar of at most 10,000 rules.");
      found->second = rules_.add_rule(name);
      defined_.try_emplace(name, false);
    }
    return found->second;
  }

  // True where a rule's body ends here: the next line begins another one.
  bool body_ends(bool top) {
    const size_t begin = at_;
    space(true);
    if (done() || peek() == ')') return true;
    if (!top || !is_name(peek())) return false;
    const size_t word = at_;
    while (is_name(peek())) at_++;
    space(false);
    const bool next_rule = peek() == ':' && peek(1) == ':';
    at_ = next_rule ? begin : word;
    return next_rule;
  }

  void alternatives(int32_t from, int32_t to, int depth, bool top) {
    if (depth > kMaxNesting)
      throw Error("grammar_limit", "Expected a grammar nested at most 64 deep.");
    do {
      const int32_t begin = rules_.add_state();
      rules_.jump(from, begin);
      sequence(begin, to, depth, top);
    } while (take('|'));
  }

  void sequence(int32_t from, int32_t to, int depth, bool top) {
    while (!body_ends(top) && peek() != '|') {
      const int32_t rule = rules_.add_rule("a part of a rule");
      term(rule, depth);
      const int32_t next = rules_.add_state();
      uint32_t min = 1, max = 1;
      quantifier(min, max);
      rules_.repeat(from, next, rule, min, max);
      from = next;
    }
    rules_.jump(from, to);
  }

  void term(int32_t rule, int depth) {
    const int32_t from = start(rule), to = end(rule);
    if (take('"')) {
      std::string text;
      while (!take('"')) append_utf8(text, character('"'));
      return rules_.text(from, to, text);
    }
    if (take('[')) return rules_.chars(from, to, char_class(), Spelling::plain);
    if (take('.')) return rules_.chars(from, to, CharSet::all(), Spelling::plain);
    if (take('(')) {
      alternatives(from, to, depth + 1, false);
      if (!take(')')) fail("a group without an end");
      return;
    }
    if (!is_name(peek())) fail("a character that begins nothing");
    rules_.call(from, to, rule_of(identifier()));
  }

  uint32_t character(uint32_t close) {
    if (done() || peek() == '\n') fail(std::string("no ") + static_cast<char>(close));
    const uint32_t c = text_[at_++];
    if (c != '\\') return c;
    const uint32_t e = done() ? 0 : text_[at_++];
    switch (e) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^': return e;
      default: fail("an unknown escape");
    }
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; i++, at_++) {
      const uint32_t c = peek();
      if (c >= '0' && c <= '9') value = value * 16 + c - '0';
      else if ((c | 32) >= 'a' && (c | 32) <= 'f') value = value * 16 + (c | 32) - 'a' + 10;
      else fail("a broken escape");
    }
    if (value > kMaxCodePoint || (value >= 0xd800 && value <= 0xdfff)) fail("no character");
    return value;
  }

  CharSet char_class() {
    CharSet set;
    const bool inverted = take('^');
    while (!take(']')) {
      const uint32_t low = character(']');
      uint32_t high = low;
      if (peek() == '-' && peek(1) != ']') {
        at_++;
        high = character(']');
      }
      if (high < low) fail("a range that is out of order");
      set.add(low, high);
    }
    return inverted ? set.inverted() : set;
  }

  void quantifier(uint32_t& min, uint32_t& max) {
    if (take('*')) min = 0, max = kNoLimit;
    else if (take('+')) max = kNoLimit;
    else if (take('?')) min = 0;
    else if (take('{')) {
      min = number();
      space(true);
      max = min;
      if (take(',')) {
        space(true);
        max = peek() == '}' ? kNoLimit : number();
        space(true);
      }
      if (!take('}')) fail("a repetition without an end");
      if (max < min) fail("a repetition whose bounds are out of order");
    }
  }

  uint32_t number() {
    space(true);
    if (peek() < '0' || peek() > '9') fail("no number");
    uint64_t value = 0;
    while (peek() >= '0' && peek() <= '9' && value <= kMaxCount)
      value = value * 10 + text_[at_++] - '0';
    if (value > kMaxCount)
      throw Error("grammar_limit", "Expected at most 1,000,000 repetitions in a grammar.");
    return static_cast<uint32_t>(value);
  }

  Rules& rules_;
  std::map<std::string, int32_t> named_;
  std::map<std::string, bool> defined_;
};

}  // namespace

int32_t add_ebnf(Rules& rules, std::string_view grammar) {
  return EbnfParser(rules, grammar).parse();
}

}  // namespace conclave::grammar

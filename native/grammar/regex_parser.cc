#include "core/error.h"
#include "grammar/regex.h"
#include "grammar/text_cursor.h"

namespace conclave::grammar {
namespace {

constexpr int kMaxNesting = 64;
constexpr size_t kMaxPattern = 64 << 10;

using Kind = Regex::Kind;

RegexPtr make(Kind kind) {
  auto regex = std::make_unique<Regex>();
  regex->kind = kind;
  return regex;
}

RegexPtr make_chars(CharSet set) {
  RegexPtr regex = make(Kind::chars);
  regex->set = std::move(set);
  return regex;
}

class RegexParser : private TextCursor {
 public:
  explicit RegexParser(std::string_view pattern) : TextCursor(pattern, "a pattern") {
    if (pattern.size() > kMaxPattern)
      throw Error("grammar_limit", "Expected a pattern of at most 65,536 bytes.");
  }

  RegexPtr parse() {
    RegexPtr regex = choice(0);
    if (at_ < text_.size()) fail("an unmatched )");
    return regex;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("grammar_error", "Expected a regular expression, but found " + what +
                                     " at character " + std::to_string(at_) + ".");
  }

  RegexPtr choice(int depth) {
    if (depth > kMaxNesting)
      throw Error("grammar_limit", "Expected a regular expression nested at most 64 deep.");
    RegexPtr first = sequence(depth);
    if (done() || peek() != '|') return first;
    RegexPtr regex = make(Kind::choice);
    regex->parts.push_back(std::move(first));
    while (take('|')) regex->parts.push_back(sequence(depth));
    return regex;
  }

  RegexPtr sequence(int depth) {
    RegexPtr regex = make(Kind::sequence);
    while (!done() && peek() != '|' && peek() != ')') regex->parts.push_back(term(depth));
    return regex;
  }

  RegexPtr term(int depth) {
    RegexPtr regex = atom(depth);
    const bool anchor = regex->kind == Kind::start || regex->kind == Kind::end;
    for (int stacked = 0; !done(); stacked++) {
      uint32_t min = 0, max = 0;
      if (!quantifier(min, max)) break;
      if (anchor || stacked > 0) fail("a quantifier with nothing to repeat");
      take('?');
      RegexPtr repeat = make(Kind::repeat);
      repeat->min = min;
      repeat->max = max;
      repeat->parts.push_back(std::move(regex));
      regex = std::move(repeat);
    }
    return regex;
  }

  bool quantifier(uint32_t& min, uint32_t& max) {
    max = kNoLimit;
    if (take('*')) return true;
    if (take('+')) {
      min = 1;
      return true;
    }
    if (take('?')) {
      max = 1;
      return true;
    }
    return peek() == '{' && braces(min, max);
  }

  // {m}, {m,} or {m,n}; anything else is text, as in ECMAScript without the u flag.
  bool braces(uint32_t& min, uint32_t& max) {
    const size_t begin = at_++;
    uint64_t low = 0, high = 0;
    const bool has_low = number(low), comma = take(','), has_high = comma && number(high);
    if (!has_low || !take('}')) {
      at_ = begin;
      return false;
    }
    if (low > kMaxCount || (has_high && high > kMaxCount))
      throw Error("grammar_limit", "Expected at most 1,000,000 repetitions in a pattern.");
    if (has_high && high < low) fail("a repetition whose bounds are out of order");
    min = static_cast<uint32_t>(low);
    max = !comma ? min : has_high ? static_cast<uint32_t>(high) : kNoLimit;
    return true;
  }

  bool number(uint64_t& value) {
    const size_t begin = at_;
    while (!done() && peek() >= '0' && peek() <= '9') {
      if (value < uint64_t{1} << 40) value = value * 10 + peek() - '0';
      at_++;
    }
    return at_ > begin;
  }

  RegexPtr atom(int depth) {
    const uint32_t c = text_[at_++];
    switch (c) {
      case '^': return make(Kind::start);
      case '$': return make(Kind::end);
      case '.':
        return make_chars(
            CharSet::all().without(CharSet().add('\n', '\n').add('\r', '\r').add(0x2028, 0x2029)));
      case '(': return group(depth);
      case '[': return make_chars(char_class());
      case '\\': return escape();
      case '*':
      case '+':
      case '?': at_--; fail("a quantifier with nothing to repeat");
      default: return make_chars(CharSet::of(c));
    }
  }

  RegexPtr group(int depth) {
    if (take('?')) {
      if (peek() == '=' || peek() == '!' || (peek() == '<' && (peek(1) == '=' || peek(1) == '!')))
        fail("lookaround, which is not supported,");
      if (take('<')) {
        while (!done() && peek() != '>') at_++;
        if (!take('>')) fail("a group name without an end");
      } else if (!take(':')) {
        fail("a kind of group that is not supported");
      }
    }
    RegexPtr regex = choice(depth + 1);
    if (!take(')')) fail("a group without an end");
    return regex;
  }

  RegexPtr escape() {
    if (done()) fail("a backslash at the end");
    const uint32_t c = peek();
    if (c == 'b' || c == 'B') fail("a word boundary, which is not supported,");
    if (c >= '1' && c <= '9') fail("a back-reference, which is not supported,");
    if (c == 'k') fail("a back-reference, which is not supported,");
    CharSet set;
    if (class_escape(set, c)) {
      at_++;
      return make_chars(set);
    }
    return make_chars(CharSet::of(char_escape()));
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; i++, at_++) {
      const uint32_t c = peek();
      if (c >= '0' && c <= '9') value = value * 16 + c - '0';
      else if ((c | 32) >= 'a' && (c | 32) <= 'f') value = value * 16 + (c | 32) - 'a' + 10;
      else fail("a broken escape");
    }
    return value;
  }

  // The character behind a backslash.
  uint32_t char_escape() {
    if (done()) fail("a backslash at the end");
    const uint32_t c = text_[at_++];
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'f': return '\f';
      case 'v': return '\v';
      case '0': return 0;
      case 'x': return hex(2);
      case 'u': return unicode();
      default: break;
    }
    if (c == 'p' || c == 'P') fail("a Unicode property, which is not supported,");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) fail("an unknown escape");
    return c;
  }

  uint32_t unicode() {
    if (take('{')) {
      uint32_t value = 0;
      while (!done() && peek() != '}' && value <= kMaxCodePoint) value = value * 16 + hex(1);
      if (!take('}') || value > kMaxCodePoint) fail("a broken escape");
      return value;
    }
    const uint32_t unit = hex(4);
    if (unit < 0xd800 || unit > 0xdbff || peek() != '\\' || peek(1) != 'u') return unit;
    at_ += 2;
    const uint32_t low = hex(4);
    if (low < 0xdc00 || low > 0xdfff) fail("half of a surrogate pair");
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }

  CharSet char_class() {
    CharSet set;
    const bool inverted = take('^');
    while (!take(']')) {
      if (done()) fail("a class without an end");
      CharSet low;
      const bool single = class_atom(low);
      if (peek() != '-' || peek(1) == ']' || at_ + 1 >= text_.size()) {
        set.add(low);
        continue;
      }
      at_++;
      CharSet high;
      if (!class_atom(high) || !single || low.empty() || high.empty())
        fail("a range that is not between two characters");
      if (high.ranges()[0].low < low.ranges()[0].low) fail("a range that is out of order");
      set.add(low.ranges()[0].low, high.ranges()[0].low);
    }
    return inverted ? set.inverted() : set;
  }

  // True for a single character.
  bool class_atom(CharSet& set) {
    if (!take('\\')) {
      set = CharSet::of(text_[at_++]);
      return true;
    }
    if (class_escape(set, peek())) {
      at_++;
      return false;
    }
    if (take('b')) set = CharSet::of('\b');
    else if (take('-')) set = CharSet::of('-');
    else set = CharSet::of(char_escape());
    return true;
  }
};

}  // namespace

bool class_escape(CharSet& set, uint32_t letter) {
  switch (letter | 32) {
    case 'd': set.add('0', '9'); break;
    case 'w': set.add('0', '9').add('A', 'Z').add('a', 'z').add('_', '_'); break;
    case 's':
      set.add('\t', '\r').add(' ', ' ').add(0xa0, 0xa0).add(0x1680, 0x1680).add(0x2000, 0x200a);
      set.add(0x2028, 0x2029).add(0x202f, 0x202f).add(0x205f, 0x205f).add(0x3000, 0x3000);
      set.add(0xfeff, 0xfeff);
      break;
    default: return false;
  }
  if (letter < 'a') set = set.inverted();
  return true;
}

RegexPtr parse_regex(std::string_view pattern) { return RegexParser(pattern).parse(); }

}  // namespace conclave::grammar

#include "grammar/json_rules.h"

#include "grammar/number_range.h"

namespace conclave::grammar {
namespace {

constexpr uint32_t kMaxIndent = 32;

uint8_t byte(char c) { return static_cast<uint8_t>(c); }

}  // namespace

// The rule is known before it is made, so that it may call itself.
template <class Make>
int32_t JsonRules::once(int32_t& rule, const char* name, const Make& make) {
  if (rule >= 0) return rule;
  rule = rules_.add_rule(name);
  const int32_t made = rule;
  make(start(made), end(made));
  return made;
}

int32_t JsonRules::space() {
  return once(space_, "blanks", [this](int32_t from, int32_t to) {
    rules_.jump(from, to);
    rules_.read(from, to, ' ', ' ');
    const int32_t blank = rules_.add_rule("a blank"), line = rules_.add_state();
    rules_.read(start(blank), end(blank), ' ', ' ');
    rules_.read(from, line, '\n', '\n');
    rules_.repeat(line, to, blank, 0, kMaxIndent);
  });
}

int32_t JsonRules::string_char() {
  return once(char_, "a character of a string", [this](int32_t from, int32_t to) {
    const CharSet escaped = CharSet().add(0, 0x1f).add('"', '"').add('\\', '\\');
    rules_.chars(from, to, escaped.inverted(), Spelling::plain);
    const int32_t escape = rules_.add_state(), unicode = rules_.add_state();
    rules_.read(from, escape, '\\', '\\');
    for (const char c : std::string_view("\"\\/bfnrt")) rules_.read(escape, to, byte(c), byte(c));
    rules_.read(escape, unicode, 'u', 'u');
    const auto hex = [this](int32_t at, int32_t next, std::string_view ranges) {
      for (size_t i = 0; i < ranges.size(); i += 2)
        rules_.read(at, next, byte(ranges[i]), byte(ranges[i + 1]));
    };
    const int32_t any = rules_.add_state(), after_d = rules_.add_state();
    const int32_t third = rules_.add_state(), fourth = rules_.add_state();
    hex(unicode, any, "09acefACEF");
    hex(unicode, after_d, "ddDD");
    hex(any, third, "09afAF");
    hex(after_d, third, "07");
    hex(third, fourth, "09afAF");
    hex(fourth, to, "09afAF");
  });
}

int32_t JsonRules::string() {
  return once(string_, "a string", [this](int32_t from, int32_t to) {
    const int32_t inside = rules_.add_state();
    rules_.read(from, inside, '"', '"');
    rules_.call(inside, inside, string_char());
    rules_.read(inside, to, '"', '"');
  });
}

int32_t JsonRules::number() {
  return once(number_, "a number",
              [this](int32_t from, int32_t to) { add_number(rules_, from, to); });
}

int32_t JsonRules::mark(int32_t from, char mark) {
  const int32_t behind = rules_.add_state(), next = rules_.add_state();
  rules_.read(from, behind, byte(mark), byte(mark));
  rules_.call(behind, next, space());
  return next;
}

void JsonRules::list(int32_t rule, char open, char close, int32_t item) {
  const int32_t inside = mark(start(rule), open);
  rules_.read(inside, end(rule), byte(close), byte(close));
  const int32_t behind = rules_.add_state();
  rules_.call(inside, behind, item);
  shut(behind, end(rule), close);
  rules_.call(mark(behind, ','), behind, item);
}

void JsonRules::shut(int32_t from, int32_t to, char close) {
  const int32_t spaced = rules_.add_state();
  rules_.call(from, spaced, space());
  rules_.read(spaced, to, byte(close), byte(close));
}

int32_t JsonRules::array() {
  return once(array_, "an array", [this](int32_t, int32_t) { list(array_, '[', ']', value()); });
}

int32_t JsonRules::object() {
  return once(object_, "an object", [this](int32_t, int32_t) {
    const int32_t member = rules_.add_rule("a member");
    const int32_t key = rules_.add_state();
    rules_.call(start(member), key, string());
    rules_.call(mark(key, ':'), end(member), value());
    list(object_, '{', '}', member);
  });
}

int32_t JsonRules::value() {
  return once(value_, "a value", [this](int32_t from, int32_t to) {
    rules_.texts(from, to, {"true", "false", "null"});
    rules_.call(from, to, string());
    rules_.call(from, to, number());
    rules_.call(from, to, array());
    rules_.call(from, to, object());
  });
}

}  // namespace conclave::grammar

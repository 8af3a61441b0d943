#include "grammar/rules.h"

#include <cstdio>

#include "core/error.h"

namespace conclave::grammar {
namespace {

[[noreturn]] void too_large(const char* what, size_t limit) {
  throw Error("grammar_limit", std::string("Expected a grammar of at most ") +
                                   std::to_string(limit) + " " + what +
                                   ", but this one needs more. Make it smaller.");
}

}  // namespace

int32_t Rules::add_state() {
  if (states.size() >= kMaxStates) too_large("states", kMaxStates);
  states.emplace_back();
  return static_cast<int32_t>(states.size()) - 1;
}

int32_t Rules::add_rule(std::string name) {
  const int32_t start = add_state(), end = add_state();
  rules.push_back({start, end, std::move(name)});
  return static_cast<int32_t>(rules.size()) - 1;
}

void Rules::spend(int64_t steps) {
  fuel_ -= steps;
  if (fuel_ < 0)
    throw Error("grammar_limit",
                "Expected a grammar that compiles in 20,000,000 steps, but this one needs more. "
                "Make it smaller.");
}

void Rules::read(int32_t from, int32_t to, uint8_t low, uint8_t high) {
  if (edges.size() + jumps.size() >= kMaxEdges) too_large("edges", kMaxEdges);
  edges.push_back({from, to, low, high});
}

void Rules::jump(int32_t from, int32_t to) {
  if (edges.size() + jumps.size() >= kMaxEdges) too_large("edges", kMaxEdges);
  jumps.push_back({from, to});
}

void Rules::call(int32_t from, int32_t to, int32_t rule) {
  const int32_t caller = add_state();
  jump(from, caller);
  states[static_cast<size_t>(caller)].call = rule;
  states[static_cast<size_t>(caller)].after = to;
}

void Rules::repeat(int32_t from, int32_t to, int32_t rule, uint32_t min, uint32_t max) {
  if (min > kMaxCount || (max != kNoLimit && max > kMaxCount)) too_large("repetitions", kMaxCount);
  if (min > max) return;  // no path: nothing matches
  if (max == 0) return jump(from, to);
  if (min == 1 && max == 1) return call(from, to, rule);
  const int32_t caller = add_state();
  jump(from, caller);
  states[static_cast<size_t>(caller)] = {rule, to, true, min, max};
}

void Rules::text(int32_t from, int32_t to, std::string_view bytes) {
  if (bytes.empty()) return jump(from, to);
  for (size_t i = 0; i < bytes.size(); i++) {
    const int32_t next = i + 1 == bytes.size() ? to : add_state();
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    read(from, next, byte, byte);
    from = next;
  }
}

void Rules::texts(int32_t from, int32_t to, const std::vector<std::string>& list) {
  std::map<std::pair<int32_t, uint8_t>, int32_t> branches;
  // Not `from` itself, which may have other ways on and loops back to it.
  const int32_t root = add_state();
  jump(from, root);
  for (const std::string& text : list) {
    spend(static_cast<int64_t>(text.size()));
    int32_t at = root;
    for (const char c : text) {
      const uint8_t byte = static_cast<uint8_t>(c);
      const auto [found, fresh] = branches.try_emplace({at, byte}, -1);
      if (fresh) {
        found->second = add_state();
        read(at, found->second, byte, byte);
      }
      at = found->second;
    }
    jump(at, to);
  }
}

void Rules::chars(int32_t from, int32_t to, const CharSet& set, Spelling spelling) {
  spend(1);
  bool direct = set.ranges().size() <= 4;
  for (const CodeRange r : set.ranges()) {
    direct = direct && r.high < 0x80;
    if (spelling == Spelling::json)
      direct = direct && r.low >= 0x20 && !(r.low <= '"' && r.high >= '"') &&
               !(r.low <= '\\' && r.high >= '\\');
  }
  if (!direct && !set.empty()) return call(from, to, char_rule(set, spelling));
  for (const CodeRange r : set.ranges())
    read(from, to, static_cast<uint8_t>(r.low), static_cast<uint8_t>(r.high));
}

int32_t Rules::char_rule(const CharSet& set, Spelling spelling) {
  std::vector<std::pair<uint32_t, uint32_t>> key;
  for (const CodeRange r : set.ranges()) key.push_back({r.low, r.high});
  const auto [found, fresh] = char_rules_.try_emplace({std::move(key), spelling}, -1);
  if (!fresh) return found->second;
  const int32_t rule = found->second = add_rule("a character");
  const int32_t start = rules[static_cast<size_t>(rule)].start,
                end = rules[static_cast<size_t>(rule)].end;
  if (spelling == Spelling::plain) {
    spell(start, end, set);
    return rule;
  }
  CharSet escaped = CharSet().add(0, 0x1f).add('"', '"').add('\\', '\\');
  spell(start, end, set.without(escaped));
  std::vector<std::string> escapes;
  const CharSet spelled = set.common(escaped);
  for (const CodeRange r : spelled.ranges())
    for (uint32_t c = r.low; c <= r.high; c++) escapes.push_back(json_spelling(c));
  if (!escapes.empty()) texts(start, end, escapes);
  return rule;
}

void Rules::spell(int32_t from, int32_t to, const CharSet& set) {
  for (const ByteSequence& sequence : utf8_sequences(set)) {
    spend(1);
    int32_t at = from;
    for (int i = 0; i < sequence.length; i++) {
      const int32_t next = i + 1 == sequence.length ? to : add_state();
      const ByteRange byte = sequence.bytes[static_cast<size_t>(i)];
      read(at, next, byte.low, byte.high);
      at = next;
    }
  }
}

std::string json_spelling(uint32_t c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  std::string text;
  if (c >= 0x20) {
    append_utf8(text, c);
    return text;
  }
  char escape[8];
  std::snprintf(escape, sizeof escape, "\\u%04x", c);
  return escape;
}

std::string json_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const uint32_t c : code_points(text, "a text")) quoted += json_spelling(c);
  return quoted + '"';
}

}  // namespace conclave::grammar

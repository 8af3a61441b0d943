#include "grammar/compile.h"

#include "core/error.h"
#include "grammar/ebnf.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

namespace conclave::grammar {
namespace {

int32_t add_whole_regex(Rules& rules, std::string_view pattern) {
  const int32_t rule = rules.add_rule("the pattern");
  const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
  add_regex(rules, start, end, *without_anchors(parse_regex(pattern)), Spelling::plain);
  return rule;
}

int32_t add_choice(Rules& rules, const std::string& text) {
  const SchemaTree tree(text);
  std::vector<std::string> choices;
  for (const int32_t choice : tree.at(0).elements) {
    if (tree.at(choice).kind != io::JsonKind::string || tree.at(choice).text.empty())
      throw Error("grammar_error", "Expected choices that are texts, none of them empty.");
    choices.push_back(tree.at(choice).text);
  }
  if (choices.empty()) throw Error("grammar_error", "Expected at least one choice.");
  const int32_t rule = rules.add_rule("the choices");
  const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
  rules.texts(start, end, choices);
  return rule;
}

// Any bytes up to the first `marker`, which has no border: a byte that does not go on begins anew.
void add_until(Rules& rules, int32_t from, int32_t to, std::string_view marker) {
  std::vector<int32_t> states(marker.size() + 1, to);
  for (size_t i = 0; i < marker.size(); i++) states[i] = rules.add_state();
  rules.jump(from, states[0]);
  const uint8_t first = static_cast<uint8_t>(marker[0]);
  for (size_t i = 0; i < marker.size(); i++) {
    const uint8_t next = static_cast<uint8_t>(marker[i]);
    for (int b = 0; b < 256; b++) {
      const uint8_t byte = static_cast<uint8_t>(b);
      const int32_t target = byte == next ? states[i + 1] : states[byte == first ? 1 : 0];
      rules.read(states[i], target, byte, byte);
    }
  }
}

int32_t add_thought(Rules& rules, int32_t root, const std::string& thinking) {
  if (thinking == "off") return root;
  const int32_t rule = rules.add_rule("an answer with a thought");
  const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
  const int32_t inside = rules.add_state(), behind = rules.add_state(), line = rules.add_state(),
                answer = rules.add_state();
  if (thinking == "open") {
    rules.jump(start, inside);
  } else {
    rules.text(start, inside, "<think>");
    rules.jump(start, answer);
  }
  add_until(rules, inside, behind, "</think>");
  rules.text(behind, line, "\n");
  rules.text(line, answer, "\n");
  rules.jump(line, answer);
  rules.jump(behind, answer);
  rules.call(answer, end, root);
  return rule;
}

}  // namespace

Program compile(const GrammarAsk& ask) {
  Rules rules;
  int32_t root = 0;
  if (ask.kind == "regex") {
    root = add_whole_regex(rules, ask.text);
  } else if (ask.kind == "choice") {
    root = add_choice(rules, ask.text);
  } else if (ask.kind == "grammar") {
    root = add_ebnf(rules, ask.text);
  } else if (ask.kind == "json_schema") {
    const SchemaTree tree(ask.text);
    root = SchemaCompiler(rules, tree).compile();
  } else {
    throw Error("invalid_request",
                "Expected a kind of grammar: json_schema, regex, choice or "
                "grammar.");
  }
  root = add_thought(rules, root, ask.thinking);
  return finish(std::move(rules), root);
}

std::shared_ptr<Grammar> GrammarCache::get(const GrammarAsk& ask) {
  std::string key = ask.kind + '\n' + ask.thinking + '\n' + ask.text;
  {
    const std::lock_guard lock(mutex_);
    const auto found = found_.find(key);
    if (found != found_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->grammar;
    }
  }
  auto grammar = std::make_shared<Grammar>(compile(ask), vocabulary_);
  const std::lock_guard lock(mutex_);
  if (found_.contains(key)) return found_.at(key)->grammar;
  entries_.push_front({key, grammar});
  found_.emplace(std::move(key), entries_.begin());
  trim();
  return grammar;
}

int64_t GrammarCache::bytes() {
  const std::lock_guard lock(mutex_);
  int64_t total = 0;
  for (const Entry& entry : entries_)
    total += entry.grammar->bytes() + 2 * static_cast<int64_t>(entry.key.size()) + 256;
  return total;
}

void GrammarCache::trim() {
  int64_t total = 0;
  for (auto it = entries_.begin(); it != entries_.end();) {
    total += it->grammar->bytes() + 2 * static_cast<int64_t>(it->key.size()) + 256;
    if (total <= kMaxBytes || it == entries_.begin()) {
      ++it;
      continue;
    }
    found_.erase(it->key);
    it = entries_.erase(it);
  }
}

}  // namespace conclave::grammar

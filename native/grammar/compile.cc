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
  return finish(std::move(rules), root);
}

std::shared_ptr<Grammar> GrammarCache::get(const GrammarAsk& ask) {
  std::string key = ask.kind + '\n' + ask.text;
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

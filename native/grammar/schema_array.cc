#include <algorithm>

#include "core/error.h"
#include "grammar/schema.h"

namespace conclave::grammar {
namespace {

constexpr size_t kMaxListed = 4096;

}  // namespace

void SchemaCompiler::add_array(int32_t from, int32_t to, const Conjunction& parts,
                               const Facts& facts) {
  if (facts.unique >= 0 && facts.max_items > 1) return add_subset(from, to, parts, facts);
  const uint32_t min = facts.min_items, max = facts.max_items;
  const int32_t inside = json_.mark(from, '[');
  if (min == 0) rules_.read(inside, to, ']', ']');
  int32_t at = inside;
  uint32_t count = 0;
  std::optional<Conjunction> next;
  bool listed = false;
  // Elements with a schema of their own, each with its own place.
  for (; count < max; count++) {
    next = reader_.element(parts, count, listed);
    if (!next || !listed) break;
    if (count >= kMaxListed) throw Error("grammar_limit", "Expected at most 4,096 listed items.");
    const int32_t behind = rules_.add_state();
    rules_.call(count == 0 ? at : json_.mark(at, ','), behind, rule_for(*next));
    if (count + 1 >= min) json_.shut(behind, to, ']');
    at = behind;
  }
  // A list of known elements is not made longer than it must be.
  const bool grows = count < max && next && (count == 0 || count < min || !next->empty());
  if (!grows) return;
  const int32_t item = rule_for(*next), more = rules_.add_rule("a further item");
  const int32_t close = rules_.add_state();
  rules_.call(json_.mark(start(more), ','), end(more), item);
  if (count == 0) {
    at = rules_.add_state();
    rules_.call(inside, at, item);
    count = 1;
  }
  const uint32_t least = min > count ? min - count : 0;
  rules_.repeat(at, close, more, least, max == kNoLimit ? kNoLimit : max - count);
  json_.shut(close, to, ']');
}

// Different items: of a list of values, some of them in the order of the list.
void SchemaCompiler::add_subset(int32_t from, int32_t to, const Conjunction& parts,
                                const Facts& facts) {
  bool listed = false;
  const std::optional<Conjunction> item = reader_.element(parts, 0, listed);
  const auto refuse = [&] {
    tree_.unsupported(facts.unique, "uniqueItems",
                      "can be enforced only for items of an enum, or for at most one item");
  };
  if (!item || listed || item->empty()) refuse();
  const Facts values = reader_.read(*item);
  const bool branches = std::any_of(item->begin(), item->end(), [this](const Part& part) {
    return tree_.find(part.node, "anyOf") >= 0 || tree_.find(part.node, "oneOf") >= 0;
  });
  if (!values.values || branches) refuse();
  std::vector<std::string> texts;
  for (const int32_t value : *values.values)
    if (fits(value, values)) texts.push_back(tree_.json(value));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  const size_t n = texts.size(), most = std::min<size_t>(facts.max_items, n);
  if (n > 256) refuse();
  const int32_t inside = json_.mark(from, '[');
  // states[c]: c items so far, all of them before the next value.
  std::vector<int32_t> states(most + 1);
  for (size_t c = 0; c <= most; c++) states[c] = c == 0 ? inside : rules_.add_state();
  for (const std::string& text : texts) {
    std::vector<int32_t> next(most + 1);
    for (size_t c = 0; c <= most; c++) {
      next[c] = rules_.add_state();
      rules_.jump(states[c], next[c]);
    }
    for (size_t c = 0; c < most; c++) {
      rules_.text(c == 0 ? states[c] : json_.mark(states[c], ','), next[c + 1], text);
    }
    states = std::move(next);
  }
  for (size_t c = facts.min_items; c <= most; c++) json_.shut(states[c], to, ']');
}

}  // namespace conclave::grammar

// A regex beside bounds of the length: its deterministic automaton over characters, with a counter.
#include <algorithm>
#include <map>

#include "grammar/code_automaton.h"

namespace conclave::grammar {
namespace {

using Kind = Regex::Kind;

struct Bounded {
  Rules& rules;
  const CodeAutomaton automaton;
  const std::vector<CodeRange> ranges;
  const uint32_t min, max;
  std::map<std::pair<std::vector<int32_t>, uint32_t>, int32_t> known;
  std::vector<std::pair<const std::vector<int32_t>*, uint32_t>> work;

  // Beyond the last count that matters all are alike.
  uint32_t counted(uint32_t count) const { return max == kNoLimit ? std::min(count, min) : count; }

  int32_t state(std::vector<int32_t> set, uint32_t count) {
    const auto [found, fresh] = known.try_emplace({std::move(set), counted(count)}, -1);
    if (fresh) {
      found->second = rules.add_state();
      work.push_back({&found->first.first, found->first.second});
    }
    return found->second;
  }

  void run(int32_t from, int32_t to, Spelling spelling) {
    rules.jump(from, state(automaton.start(), 0));
    while (!work.empty()) {
      const auto [set, count] = work.back();
      work.pop_back();
      const int32_t here = known.at({*set, count});
      if (count >= min && automaton.accepts(*set)) rules.jump(here, to);
      if (max != kNoLimit && count >= max) continue;
      std::map<std::vector<int32_t>, CharSet> next;
      for (const CodeRange r : ranges) {
        rules.spend(static_cast<int64_t>(set->size()) + 8);
        std::vector<int32_t> reached = automaton.step(*set, r.low);
        if (!reached.empty()) next[std::move(reached)].add(r.low, r.high);
      }
      for (auto& [reached, chars] : next)
        rules.chars(here, state(reached, count + 1), chars, spelling);
    }
  }
};

// The body of a pattern that is one set of characters, as often as it says; null for another.
const Regex* plain_repeat(const Regex& regex) {
  if (regex.kind == Kind::repeat && regex.parts[0]->kind == Kind::chars) return &regex;
  const bool alone = regex.kind == Kind::sequence && regex.parts.size() == 1;
  return alone ? plain_repeat(*regex.parts[0]) : nullptr;
}

}  // namespace

void add_bounded(Rules& rules, int32_t from, int32_t to, const Regex& regex, uint32_t min,
                 uint32_t max, Spelling spelling) {
  const Lengths own = lengths_of(regex);
  if (own.min >= min && own.max <= max) return add_regex(rules, from, to, regex, spelling);
  if (const Regex* repeat = plain_repeat(regex)) {
    const int32_t rule = rules.add_rule("a character of a pattern");
    const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
    rules.chars(start, end, repeat->parts[0]->set, spelling);
    return rules.repeat(from, to, rule, std::max(min, repeat->min), std::min(max, repeat->max));
  }
  CodeAutomaton automaton(regex);
  std::vector<CodeRange> ranges = automaton.ranges();
  Bounded{rules, std::move(automaton), std::move(ranges), min, max, {}, {}}.run(from, to, spelling);
}

}  // namespace conclave::grammar

// A regex beside bounds of the length: its deterministic automaton over characters, with a counter.
#include <algorithm>
#include <map>

#include "core/error.h"
#include "grammar/regex.h"

namespace conclave::grammar {
namespace {

using Kind = Regex::Kind;
constexpr size_t kMaxStates = 4096;

size_t at(int32_t i) { return static_cast<size_t>(i); }

// Nondeterministic, over characters; repetitions are written out.
class CodeAutomaton {
 public:
  explicit CodeAutomaton(const Regex& regex) {
    const int32_t first = add_state();
    end_ = add_state();
    add(first, end_, regex);
  }

  std::vector<int32_t> start() const { return closure({0}); }
  bool accepts(const std::vector<int32_t>& set) const {
    return std::find(set.begin(), set.end(), end_) != set.end();
  }

  std::vector<int32_t> step(const std::vector<int32_t>& set, uint32_t c) const {
    std::vector<int32_t> next;
    for (const int32_t s : set)
      for (const auto& [chars, to] : states_[at(s)].reads)
        if (chars.contains(c)) next.push_back(to);
    return closure(std::move(next));
  }

  // First characters of ranges that no state tells apart inside, and the ranges.
  std::vector<CodeRange> ranges() const {
    std::vector<uint32_t> starts = {0};
    for (const Node& node : states_)
      for (const auto& [chars, to] : node.reads)
        for (const CodeRange r : chars.ranges()) {
          starts.push_back(r.low);
          starts.push_back(r.high + 1);
        }
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    std::vector<CodeRange> ranges;
    for (size_t i = 0; i < starts.size() && starts[i] <= kMaxCodePoint; i++)
      ranges.push_back({starts[i], i + 1 < starts.size() ? starts[i + 1] - 1 : kMaxCodePoint});
    return ranges;
  }

 private:
  struct Node {
    std::vector<std::pair<CharSet, int32_t>> reads;
    std::vector<int32_t> jumps;
  };

  int32_t add_state() {
    if (states_.size() >= kMaxStates)
      throw Error("grammar_limit", "Expected a pattern of at most 4,096 states beside a length.");
    states_.emplace_back();
    return static_cast<int32_t>(states_.size()) - 1;
  }

  void jump(int32_t from, int32_t to) { states_[at(from)].jumps.push_back(to); }

  void add(int32_t from, int32_t to, const Regex& regex) {
    switch (regex.kind) {
      case Kind::chars: states_[at(from)].reads.emplace_back(regex.set, to); return;
      case Kind::choice:
        for (const RegexPtr& part : regex.parts) {
          const int32_t begin = add_state();
          jump(from, begin);
          add(begin, to, *part);
        }
        return;
      case Kind::sequence:
        for (const RegexPtr& part : regex.parts) {
          const int32_t next = add_state();
          add(from, next, *part);
          from = next;
        }
        return jump(from, to);
      case Kind::repeat: return add_repeat(from, to, regex);
      default: return jump(from, to);
    }
  }

  void add_repeat(int32_t from, int32_t to, const Regex& regex) {
    const auto once = [&] {
      const int32_t next = add_state();
      add(from, next, *regex.parts[0]);
      from = next;
    };
    for (uint32_t i = 0; i < regex.min; i++) once();
    if (regex.max == kNoLimit) {
      const int32_t loop = add_state(), behind = add_state();
      jump(from, loop);
      add(loop, behind, *regex.parts[0]);
      jump(behind, loop);
      return jump(loop, to);
    }
    for (uint32_t i = regex.min; i < regex.max; i++) {
      jump(from, to);
      once();
    }
    jump(from, to);
  }

  std::vector<int32_t> closure(std::vector<int32_t> work) const {
    std::vector<bool> seen(states_.size(), false);
    std::vector<int32_t> set;
    while (!work.empty()) {
      const int32_t s = work.back();
      work.pop_back();
      if (seen[at(s)]) continue;
      seen[at(s)] = true;
      set.push_back(s);
      work.insert(work.end(), states_[at(s)].jumps.begin(), states_[at(s)].jumps.end());
    }
    std::sort(set.begin(), set.end());
    return set;
  }

  std::vector<Node> states_;
  int32_t end_;
};

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

bool matches(const Regex& regex, std::string_view text) {
  const CodeAutomaton automaton(regex);
  std::vector<int32_t> set = automaton.start();
  for (const uint32_t c : code_points(text, "a text")) set = automaton.step(set, c);
  return automaton.accepts(set);
}

}  // namespace conclave::grammar

#include "grammar/code_automaton.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::grammar {
namespace {

using Kind = Regex::Kind;
constexpr size_t kMostStates = 4096;

size_t at(int32_t i) { return static_cast<size_t>(i); }

}  // namespace

CodeAutomaton::CodeAutomaton(const Regex& regex) {
  const int32_t first = add_state();
  end_ = add_state();
  add(first, end_, regex);
}

bool CodeAutomaton::accepts(const std::vector<int32_t>& set) const {
  return std::find(set.begin(), set.end(), end_) != set.end();
}

std::vector<int32_t> CodeAutomaton::step(const std::vector<int32_t>& set, uint32_t c) const {
  std::vector<int32_t> next;
  for (const int32_t s : set)
    for (const auto& [chars, to] : states_[at(s)].reads)
      if (chars.contains(c)) next.push_back(to);
  return closure(std::move(next));
}

std::vector<CodeRange> CodeAutomaton::ranges() const {
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

int32_t CodeAutomaton::add_state() {
  if (states_.size() >= kMostStates)
    throw Error("grammar_limit", "Expected a pattern of at most 4,096 states beside a length.");
  states_.emplace_back();
  return static_cast<int32_t>(states_.size()) - 1;
}

void CodeAutomaton::jump(int32_t from, int32_t to) { states_[at(from)].jumps.push_back(to); }

void CodeAutomaton::add(int32_t from, int32_t to, const Regex& regex) {
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

void CodeAutomaton::add_repeat(int32_t from, int32_t to, const Regex& regex) {
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

std::vector<int32_t> CodeAutomaton::closure(std::vector<int32_t> work) const {
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

}  // namespace conclave::grammar

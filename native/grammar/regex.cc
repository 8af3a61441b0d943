#include "grammar/regex.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::grammar {
namespace {

using Kind = Regex::Kind;

RegexPtr make(Kind kind) {
  auto regex = std::make_unique<Regex>();
  regex->kind = kind;
  return regex;
}

RegexPtr anything() {
  RegexPtr any = make(Kind::chars);
  any->set = CharSet::all();
  RegexPtr repeat = make(Kind::repeat);
  repeat->max = kNoLimit;
  repeat->parts.push_back(std::move(any));
  return repeat;
}

bool has_anchor(const Regex& regex) {
  if (regex.kind == Kind::start || regex.kind == Kind::end) return true;
  return std::any_of(regex.parts.begin(), regex.parts.end(),
                     [](const RegexPtr& part) { return has_anchor(*part); });
}

// Sequences within a sequence become one.
void flatten(std::vector<RegexPtr>& out, std::vector<RegexPtr> parts) {
  for (RegexPtr& part : parts) {
    if (part->kind == Kind::sequence) flatten(out, std::move(part->parts));
    else out.push_back(std::move(part));
  }
}

RegexPtr anchored(RegexPtr regex, bool search) {
  if (regex->kind == Kind::choice) {
    for (RegexPtr& part : regex->parts) part = anchored(std::move(part), search);
    return regex;
  }
  std::vector<RegexPtr> parts;
  std::vector<RegexPtr> whole;
  whole.push_back(std::move(regex));
  flatten(parts, std::move(whole));
  if (parts.size() == 1 && parts[0]->kind == Kind::choice)
    return anchored(std::move(parts[0]), search);
  size_t first = 0, last = parts.size();
  while (first < last && parts[first]->kind == Kind::start) first++;
  while (last > first && parts[last - 1]->kind == Kind::end) last--;
  RegexPtr result = make(Kind::sequence);
  if (search && first == 0) result->parts.push_back(anything());
  for (size_t i = first; i < last; i++) result->parts.push_back(std::move(parts[i]));
  if (search && last == parts.size()) result->parts.push_back(anything());
  if (has_anchor(*result))
    throw Error("grammar_error",
                "Expected ^ and $ at the ends of a regular expression or of its alternatives, but "
                "one is inside, which is not supported.");
  return result;
}

void add(Rules& rules, int32_t from, int32_t to, const Regex& regex, Spelling spelling);

void add_repeat(Rules& rules, int32_t from, int32_t to, const Regex& regex, Spelling spelling) {
  const Regex& body = *regex.parts[0];
  if (regex.max == kNoLimit && regex.min <= 1) {
    const int32_t before = rules.add_state(), behind = rules.add_state();
    rules.jump(from, before);
    add(rules, before, behind, body, spelling);
    rules.jump(behind, before);
    rules.jump(regex.min == 0 ? before : behind, to);
    return;
  }
  if (regex.min == 0 && regex.max == 1) {
    rules.jump(from, to);
    return add(rules, from, to, body, spelling);
  }
  const int32_t rule = rules.add_rule("a repetition");
  const auto [start, end, name] = rules.rules[static_cast<size_t>(rule)];
  add(rules, start, end, body, spelling);
  rules.repeat(from, to, rule, regex.min, regex.max);
}

void add(Rules& rules, int32_t from, int32_t to, const Regex& regex, Spelling spelling) {
  rules.spend(1);
  switch (regex.kind) {
    case Kind::chars: return rules.chars(from, to, regex.set, spelling);
    case Kind::repeat: return add_repeat(rules, from, to, regex, spelling);
    case Kind::choice:
      for (const RegexPtr& part : regex.parts) {
        // A state of its own: a loop in one alternative must not lead into another.
        const int32_t begin = rules.add_state(), finish = rules.add_state();
        rules.jump(from, begin);
        add(rules, begin, finish, *part, spelling);
        rules.jump(finish, to);
      }
      return;
    case Kind::sequence:
      for (const RegexPtr& part : regex.parts) {
        const int32_t next = rules.add_state();
        add(rules, from, next, *part, spelling);
        from = next;
      }
      return rules.jump(from, to);
    default: return rules.jump(from, to);
  }
}

uint64_t times(uint64_t length, uint32_t count) {
  if (length == 0 || count == 0) return 0;
  if (length == kNoLimit || count == kNoLimit) return kNoLimit;
  return std::min<uint64_t>(length * count, kNoLimit);
}

}  // namespace

RegexPtr whole_text(RegexPtr regex) { return anchored(std::move(regex), true); }

void add_regex(Rules& rules, int32_t from, int32_t to, const Regex& regex, Spelling spelling) {
  add(rules, from, to, regex, spelling);
}

RegexPtr without_anchors(RegexPtr regex) { return anchored(std::move(regex), false); }

Lengths lengths_of(const Regex& regex) {
  switch (regex.kind) {
    case Kind::chars: return {1, 1};
    case Kind::repeat: {
      const Lengths body = lengths_of(*regex.parts[0]);
      return {times(body.min, regex.min), times(body.max, regex.max)};
    }
    case Kind::choice: {
      Lengths all{kNoLimit, 0};
      for (const RegexPtr& part : regex.parts) {
        const Lengths one = lengths_of(*part);
        all = {std::min(all.min, one.min), std::max(all.max, one.max)};
      }
      return all;
    }
    case Kind::sequence: {
      Lengths sum{0, 0};
      for (const RegexPtr& part : regex.parts) {
        const Lengths one = lengths_of(*part);
        sum = {std::min<uint64_t>(sum.min + one.min, kNoLimit),
               std::min<uint64_t>(sum.max + one.max, kNoLimit)};
      }
      return sum;
    }
    default: return {0, 0};
  }
}

}  // namespace conclave::grammar

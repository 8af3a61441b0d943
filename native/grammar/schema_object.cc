#include <algorithm>

#include "core/error.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

namespace conclave::grammar {
namespace {

constexpr size_t kMaxNames = 5000;

// What a key may be made of without an escape.
CharSet plain_chars() { return CharSet().add(0, 0x1f).add('"', '"').add('\\', '\\').inverted(); }

}  // namespace

int32_t SchemaCompiler::named_member(const Conjunction& value, const std::string& name) {
  const int32_t rule = rules_.add_rule("member " + name.substr(0, 40));
  const int32_t key = rules_.add_state();
  rules_.text(start(rule), key, json_quoted(name));
  rules_.call(json_.mark(key, ':'), end(rule), rule_for(value));
  return rule;
}

// A key that is none of the declared names, however it is spelled: so it has no escapes.
void SchemaCompiler::add_other_key(int32_t from, int32_t to, const Facts& facts) {
  if (!facts.member_names.empty()) {
    Conjunction names;
    for (const int32_t node : facts.member_names) reader_.add(names, node);
    Facts told = reader_.read(names);
    told.types &= kString;
    if (told.values) return add_values(from, to, names, told);
    return add_string(from, to, told);
  }
  if (facts.names.empty()) return rules_.call(from, to, json_.string());
  const int32_t root = rules_.add_state(), free = rules_.add_state();
  rules_.read(from, root, '"', '"');
  rules_.chars(free, free, plain_chars(), Spelling::plain);
  rules_.read(free, to, '"', '"');
  std::map<std::pair<int32_t, uint32_t>, int32_t> branches;
  std::map<int32_t, CharSet> taken = {{root, {}}};
  std::set<int32_t> names;
  for (const std::string& name : facts.names) {
    int32_t at = root;
    for (const uint32_t c : code_points(name, "a name")) {
      const auto [found, fresh] = branches.try_emplace({at, c}, -1);
      if (fresh) {
        found->second = rules_.add_state();
        rules_.chars(at, found->second, CharSet::of(c).common(plain_chars()), Spelling::plain);
        taken[at].add(c, c);
        taken[found->second];
      }
      at = found->second;
    }
    names.insert(at);
  }
  for (const auto& [at, chars] : taken) {
    rules_.chars(at, free, plain_chars().without(chars), Spelling::plain);
    if (!names.contains(at)) rules_.read(at, to, '"', '"');
  }
}

int32_t SchemaCompiler::other_member(const Conjunction& parts, const Facts& facts) {
  // An object that declares nothing may hold anything; one that declares, what it says.
  const std::optional<Conjunction> value = reader_.others(parts, facts.has_properties);
  if (!value || !facts.patterns.empty()) return pattern_member(facts);
  if (!facts.member_names.empty() && !facts.names.empty())
    tree_.unsupported(tree_.at(facts.member_names[0]).parent, "propertyNames",
                      "stands beside named properties");
  const int32_t rule = rules_.add_rule("another member");
  const int32_t key = rules_.add_state();
  add_other_key(start(rule), key, facts);
  rules_.call(json_.mark(key, ':'), end(rule), rule_for(*value));
  return rule;
}

// Members whose key matches a pattern; −1 where there are none. Every pattern's schema holds for
// each of them, whichever it matches.
int32_t SchemaCompiler::pattern_member(const Facts& facts) {
  if (facts.patterns.empty()) return -1;
  if (!facts.member_names.empty())
    tree_.unsupported(tree_.at(facts.member_names[0]).parent, "propertyNames",
                      "stands beside patternProperties");
  Conjunction value;
  for (const PatternMember& p : facts.patterns) reader_.add(value, p.node);
  const int32_t rule = rules_.add_rule("a member by pattern");
  const int32_t open = rules_.add_state(), close = rules_.add_state(), key = rules_.add_state();
  rules_.read(start(rule), open, '"', '"');
  for (const PatternMember& p : facts.patterns) {
    // A declared name must not come a second time, under another schema.
    for (const std::string& name : facts.names)
      if (patterns_.match(p.pattern, name)) return -1;
    const RegexPtr regex = whole_text(parse_regex(p.pattern));
    add_bounded(rules_, open, close, *regex, 0, kNoLimit, Spelling::json);
  }
  rules_.read(close, key, '"', '"');
  rules_.call(json_.mark(key, ':'), end(rule), rule_for(std::move(value)));
  return rule;
}

void SchemaCompiler::add_object(int32_t from, int32_t to, const Conjunction& parts,
                                const Facts& facts) {
  if (facts.names.size() > kMaxNames)
    throw Error("grammar_limit", "Expected at most 5,000 properties of an object.");
  const uint32_t min = facts.min_members, max = facts.max_members;
  const int32_t other = other_member(parts, facts);
  const size_t n = facts.names.size();
  if (other >= 0 && min > n + 1)
    tree_.unsupported(parts.front().node, "minProperties",
                      "asks for more members than the named ones and one other");
  // states[c]: c members so far; more than `most` need not be told apart.
  const size_t most =
      std::min<size_t>(std::max<size_t>({1, min, max == kNoLimit ? 0 : max}), n + 1);
  std::vector<int32_t> states(most + 1);
  for (size_t c = 0; c <= most; c++)
    states[c] = c == 0 ? json_.mark(from, '{') : rules_.add_state();
  // A count that stands for itself and all above it.
  const auto more = [&](size_t c) { return std::min(c + 1, most); };
  const auto full = [&](size_t c) { return max != kNoLimit && c >= max; };
  for (const std::string& name : facts.names) {
    const std::optional<Conjunction> value = reader_.member(parts, facts, name);
    const bool required = facts.required.contains(name);
    if (!value && !required) continue;
    if (!value) return;  // required and ruled out: no object fits
    const int32_t member = named_member(*value, name);
    std::vector<int32_t> next(most + 1);
    for (int32_t& state : next) state = rules_.add_state();
    for (size_t c = 0; c <= most; c++) {
      if (!required) rules_.jump(states[c], next[c]);
      if (full(c)) continue;
      rules_.call(c == 0 ? states[c] : json_.mark(states[c], ','), next[more(c)], member);
    }
    states = std::move(next);
  }
  for (size_t c = 0; c <= most; c++) {
    if (c >= min) json_.shut(states[c], to, '}');
    if (other < 0 || full(c) || c + 1 < min) continue;
    const int32_t further = rules_.add_rule("a further member"), last = rules_.add_state();
    rules_.call(json_.mark(start(further), ','), end(further), other);
    const uint32_t left = max == kNoLimit ? kNoLimit : max - static_cast<uint32_t>(c);
    if (c > 0) {
      rules_.repeat(states[c], last, further, 1, left);
    } else {
      const int32_t first = rules_.add_state();
      rules_.call(states[0], first, other);
      rules_.repeat(first, last, further, 0, left == kNoLimit ? kNoLimit : left - 1);
    }
    json_.shut(last, to, '}');
  }
}

}  // namespace conclave::grammar

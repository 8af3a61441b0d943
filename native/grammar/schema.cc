#include "grammar/schema.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::grammar {
namespace {

using io::JsonKind;

constexpr size_t kMaxConjunctions = 20'000;

}  // namespace

int32_t SchemaCompiler::compile() {
  Conjunction root;
  reader_.add(root, 0);
  const int32_t rule = rule_for(std::move(root));
  // A list of work instead of recursion: chains of references may be long.
  while (!work_.empty()) {
    const auto [next, parts] = std::move(work_.front());
    work_.pop();
    fill(next, parts);
  }
  return rule;
}

int32_t SchemaCompiler::rule_for(Conjunction parts) {
  SchemaReader::sort(parts);
  rules_.spend(static_cast<int64_t>(parts.size()) * 16);
  const auto [found, fresh] = known_.try_emplace(parts, -1);
  if (!fresh) return found->second;
  if (known_.size() > kMaxConjunctions)
    throw Error("grammar_limit", "Expected a schema of at most 20,000 combinations of its parts.");
  const std::string name = parts.empty() ? "a value" : tree_.path(parts.front().node);
  found->second = rules_.add_rule(name);
  work_.push({found->second, std::move(parts)});
  return found->second;
}

bool SchemaCompiler::branch(int32_t rule, const Conjunction& parts) {
  for (size_t i = 0; i < parts.size(); i++) {
    const int32_t node = parts[i].node;
    const int32_t any = parts[i].any_done ? -1 : tree_.find(node, "anyOf");
    const int32_t one = parts[i].one_done ? -1 : tree_.find(node, "oneOf");
    if (any < 0 && one < 0) continue;
    reader_.read(parts);  // refuses what the schema says badly, whichever branch is taken
    const SchemaNode& list = tree_.at(any >= 0 ? any : one);
    if (any < 0) require_disjoint(node, list.elements);
    for (const int32_t child : list.elements) {
      Conjunction branch = parts;
      (any >= 0 ? branch[i].any_done : branch[i].one_done) = true;
      reader_.add(branch, child);
      rules_.call(start(rule), end(rule), rule_for(std::move(branch)));
    }
    return true;
  }
  return false;
}

void SchemaCompiler::fill(int32_t rule, const Conjunction& parts) {
  if (branch(rule, parts)) return;
  const Facts facts = reader_.read(parts);
  const int32_t from = start(rule), to = end(rule);
  if (facts.impossible) return;
  if (facts.values) return add_values(from, to, parts, facts);
  if (facts.types & kNull) rules_.text(from, to, "null");
  if (facts.types & kBoolean) rules_.texts(from, to, {"true", "false"});
  if (facts.types & kString) add_string(from, to, facts);
  if (facts.types & kNumber) add_number(from, to, facts);
  if (facts.types & kArray) add_array(from, to, parts, facts);
  if (facts.types & kObject) add_object(from, to, parts, facts);
}

bool SchemaCompiler::fits_text(const std::string& text, const Facts& facts) {
  const size_t length = code_points(text, "a text").size();
  if (length < facts.min_length || length > facts.max_length) return false;
  return facts.pattern < 0 || patterns_.match(tree_.at(facts.pattern).text, text);
}

bool SchemaCompiler::fits(int32_t value, const Facts& facts) {
  const SchemaNode& node = tree_.at(value);
  switch (node.kind) {
    case JsonKind::null: return facts.types & kNull;
    case JsonKind::boolean: return facts.types & kBoolean;
    case JsonKind::array: return facts.types & kArray;
    case JsonKind::object: return facts.types & kObject;
    case JsonKind::string: return (facts.types & kString) && fits_text(node.text, facts);
    case JsonKind::number: {
      const bool whole =
          node.number ==
          static_cast<double>(static_cast<int64_t>(std::clamp(node.number, -9e15, 9e15)));
      if (!(facts.types & (whole ? kInteger : kFraction))) return false;
      return in_range(facts.range, node.number);
    }
  }
  return false;
}

void SchemaCompiler::add_values(int32_t from, int32_t to, const Conjunction& parts,
                                const Facts& facts) {
  const char* kDeep[] = {
      "properties",        "required",      "items",         "prefixItems",
      "minItems",          "maxItems",      "uniqueItems",   "additionalProperties",
      "patternProperties", "propertyNames", "minProperties", "maxProperties"};
  std::vector<std::string> texts;
  for (const int32_t value : *facts.values) {
    if (!fits(value, facts)) continue;
    const JsonKind kind = tree_.at(value).kind;
    if (kind == JsonKind::object || kind == JsonKind::array)
      for (const Part& part : parts)
        for (const char* key : kDeep)
          if (tree_.find(part.node, key) >= 0)
            tree_.unsupported(part.node, key, "stands beside an enum or const of objects or lists");
    if (kind == JsonKind::number && facts.step)
      tree_.unsupported(parts.front().node, "multipleOf", "stands beside an enum or const");
    if (kind == JsonKind::string && facts.format >= 0)
      tree_.unsupported(tree_.at(facts.format).parent, "format", "stands beside an enum or const");
    texts.push_back(tree_.json(value));
  }
  if (!texts.empty()) rules_.texts(from, to, texts);
}

}  // namespace conclave::grammar

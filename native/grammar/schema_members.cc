// What the parts of a conjunction say together of one member or element.
#include "grammar/schema_facts.h"

namespace conclave::grammar {
namespace {

using io::JsonKind;

}  // namespace

std::optional<Conjunction> SchemaReader::member(const Conjunction& parts, const Facts& facts,
                                                const std::string& name) const {
  Conjunction result;
  std::vector<bool> fits;  // each pattern of facts.patterns
  for (const PatternMember& p : facts.patterns) fits.push_back(patterns_.match(p.pattern, name));
  for (const Part& part : parts) {
    bool known = false;
    const int32_t properties = tree_.find(part.node, "properties");
    const int32_t own = properties < 0 ? -1 : tree_.find(properties, name);
    if (own >= 0) {
      add(result, own);
      known = true;
    }
    for (size_t i = 0; i < fits.size(); i++) {
      const int32_t owner = tree_.at(tree_.at(facts.patterns[i].node).parent).parent;
      if (owner != part.node || !fits[i]) continue;
      add(result, facts.patterns[i].node);
      known = true;
    }
    const int32_t rest = tree_.find(part.node, "additionalProperties");
    if (known || rest < 0) continue;
    if (tree_.at(rest).kind == JsonKind::boolean && !tree_.at(rest).boolean) return std::nullopt;
    add(result, rest);
  }
  sort(result);
  return result;
}

std::optional<Conjunction> SchemaReader::others(const Conjunction& parts, bool explicitly) const {
  Conjunction result;
  bool said = false;
  for (const Part& part : parts) {
    const int32_t rest = tree_.find(part.node, "additionalProperties");
    const int32_t unevaluated = tree_.find(part.node, "unevaluatedProperties");
    if (unevaluated >= 0 && !tree_.at(unevaluated).boolean) return std::nullopt;
    if (rest < 0) continue;
    if (tree_.at(rest).kind == JsonKind::boolean && !tree_.at(rest).boolean) return std::nullopt;
    said = true;
    add(result, rest);
  }
  if (explicitly && !said) return std::nullopt;
  sort(result);
  return result;
}

std::optional<Conjunction> SchemaReader::element(const Conjunction& parts, size_t i,
                                                 bool& listed) const {
  Conjunction result;
  listed = false;
  for (const Part& part : parts) {
    int32_t list = tree_.find(part.node, "prefixItems"), rest = tree_.find(part.node, "items");
    if (rest >= 0 && tree_.at(rest).kind == JsonKind::array) {
      list = rest;
      rest = tree_.find(part.node, "additionalItems");
    }
    if (list >= 0 && i < tree_.at(list).elements.size()) {
      listed = true;
      add(result, tree_.at(list).elements[i]);
    } else if (rest >= 0) {
      if (tree_.at(rest).kind == JsonKind::boolean && !tree_.at(rest).boolean) return std::nullopt;
      add(result, rest);
    }
  }
  sort(result);
  return result;
}

}  // namespace conclave::grammar

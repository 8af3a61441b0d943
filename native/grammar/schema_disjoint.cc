// oneOf: exactly one schema may hold, so no two of them may hold together.
#include <algorithm>

#include "grammar/schema.h"

namespace conclave::grammar {
namespace {

using io::JsonKind;
constexpr int kMaxDepth = 3;

bool branches(const SchemaTree& tree, const Conjunction& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
    return tree.find(part.node, "anyOf") >= 0 || tree.find(part.node, "oneOf") >= 0;
  });
}

}  // namespace

bool SchemaCompiler::members_differ(const Conjunction& a, const Facts& fa, const Conjunction& b,
                                    const Facts& fb, int depth) {
  for (const std::string& name : fa.names) {
    if (!fa.required.contains(name) && !fb.required.contains(name)) continue;
    const auto ma = reader_.member(a, fa, name), mb = reader_.member(b, fb, name);
    if (!ma || !mb) return true;
    const bool both = std::find(fb.names.begin(), fb.names.end(), name) != fb.names.end();
    if (both && disjoint(*ma, *mb, depth + 1)) return true;
  }
  for (const std::string& name : fb.required)
    if (!reader_.member(a, fa, name)) return true;
  return false;
}

bool SchemaCompiler::disjoint(const Conjunction& a, const Conjunction& b, int depth) {
  if (depth > kMaxDepth) return false;
  rules_.spend(static_cast<int64_t>(a.size() + b.size()) * 32);
  // Alternatives inside: only the types that stand beside them are looked at.
  const Facts fa = reader_.read(a), fb = reader_.read(b);
  if (fa.impossible || fb.impossible) return true;
  if (fa.values && fb.values) {
    std::set<std::string> texts;
    for (const int32_t value : *fa.values) texts.insert(tree_.json(value));
    return std::none_of(fb.values->begin(), fb.values->end(),
                        [&](int32_t v) { return texts.contains(tree_.json(v)); });
  }
  const auto all_outside = [&](const Facts& values, const Facts& other) {
    return std::none_of(values.values->begin(), values.values->end(),
                        [&](int32_t v) { return fits(v, other); });
  };
  // Types that are only implied rule nothing out: a schema without a type holds for all others.
  const auto said = [&](const Conjunction& parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const Part& p) { return tree_.find(p.node, "type") >= 0; });
  };
  const bool typed = (said(a) || fa.values) && (said(b) || fb.values);
  if (!typed) return false;
  if (fa.values) return all_outside(fa, fb);
  if (fb.values) return all_outside(fb, fa);
  const uint32_t common = fa.types & fb.types;
  if (common == 0) return true;
  return common == kObject && !branches(tree_, a) && !branches(tree_, b) &&
         members_differ(a, fa, b, fb, depth);
}

void SchemaCompiler::require_disjoint(int32_t node, const std::vector<int32_t>& list) {
  std::vector<Conjunction> all(list.size());
  for (size_t i = 0; i < list.size(); i++) {
    reader_.add(all[i], list[i]);
    SchemaReader::sort(all[i]);
  }
  for (size_t i = 0; i < all.size(); i++)
    for (size_t j = i + 1; j < all.size(); j++)
      if (!disjoint(all[i], all[j], 0))
        tree_.unsupported(node, "oneOf",
                          "has schemas " + std::to_string(i) + " and " + std::to_string(j) +
                              ", of which both might hold; use anyOf, or a required const that "
                              "tells them apart");
}

}  // namespace conclave::grammar

#include "grammar/schema_facts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace conclave::grammar {
namespace {

using io::JsonKind;

constexpr size_t kMaxWay = 256;     // references in a row
constexpr size_t kMaxParts = 1024;  // schemas at once

constexpr std::array kNotes = {
    "$schema",         "$id",           "id",           "$comment",
    "$anchor",         "$defs",         "title",        "default",
    "definitions",     "description",   "examples",     "example",
    "readOnly",        "writeOnly",     "deprecated",   "contentMediaType",
    "contentEncoding", "$vocabulary",   "externalDocs", "xml",
    "discriminator",   "$dynamicAnchor"};

bool is_note(std::string_view key) {
  return key.starts_with("x-") || std::find(kNotes.begin(), kNotes.end(), key) != kNotes.end();
}

}  // namespace

bool SchemaReader::is_schema(int32_t node) const {
  const JsonKind kind = tree_.at(node).kind;
  return kind == JsonKind::object || kind == JsonKind::boolean;
}

void SchemaReader::require_schema(int32_t owner, const std::string& key, int32_t node) const {
  if (!is_schema(node)) tree_.fail(owner, key, "is no schema: expected an object, true or false");
}

void SchemaReader::sort(Conjunction& parts) {
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
}

void SchemaReader::add(Conjunction& parts, int32_t node) const {
  std::vector<int32_t> way;
  expand(parts, node, way);
}

void SchemaReader::expand(Conjunction& parts, int32_t node, std::vector<int32_t>& way) const {
  if (!is_schema(node)) tree_.fail(node, tree_.at(node).key, "is no schema");
  if (std::find(way.begin(), way.end(), node) != way.end())
    tree_.fail(node, "$ref", "leads back to itself before it says anything");
  if (way.size() >= kMaxWay || parts.size() >= kMaxParts)
    throw Error("grammar_limit",
                "Expected at most 256 references in a row and 1,024 schemas at "
                "once at " +
                    tree_.path(node) + ".");
  parts.push_back({node});
  if (tree_.at(node).kind == JsonKind::boolean) return;
  way.push_back(node);
  const int32_t reference = tree_.find(node, "$ref"), all = tree_.find(node, "allOf");
  if (reference >= 0) {
    if (tree_.at(reference).kind != JsonKind::string) tree_.fail(node, "$ref", "is no text");
    const int32_t target = tree_.resolve(node, tree_.at(reference).text);
    require_schema(node, "$ref", target);
    expand(parts, target, way);
  }
  if (all >= 0) {
    if (tree_.at(all).kind != JsonKind::array) tree_.fail(node, "allOf", "is no list");
    for (const int32_t child : tree_.at(all).elements) expand(parts, child, way);
  }
  way.pop_back();
}

uint32_t SchemaReader::read_types(int32_t node, int32_t value) const {
  const auto one = [&](const SchemaNode& name) -> uint32_t {
    const std::string& text = name.kind == JsonKind::string ? name.text : "";
    if (text == "null") return kNull;
    if (text == "boolean") return kBoolean;
    if (text == "object") return kObject;
    if (text == "array") return kArray;
    if (text == "integer") return kInteger;
    if (text == "number") return kNumber;
    if (text == "string") return kString;
    tree_.fail(node, "type", "names no type of JSON");
  };
  if (tree_.at(value).kind != JsonKind::array) return one(tree_.at(value));
  uint32_t types = 0;
  for (const int32_t name : tree_.at(value).elements) types |= one(tree_.at(name));
  return types;
}

uint32_t SchemaReader::count(int32_t node, const std::string& key, int32_t value) const {
  const SchemaNode& number = tree_.at(value);
  if (number.kind != JsonKind::number || number.number < 0 ||
      number.number != std::trunc(number.number))
    tree_.fail(node, key, "is no whole number from 0");
  if (number.number > kMaxCount && key.starts_with("min"))
    throw Error("grammar_limit",
                "Expected at most 1,000,000 for \"" + key + "\" at " + tree_.path(node) + ".");
  // More than a million cannot be told from no bound by an answer that fits a context.
  return number.number > kMaxCount ? kNoLimit : static_cast<uint32_t>(number.number);
}

void SchemaReader::intersect(Facts& facts, const std::vector<int32_t>& values) const {
  if (!facts.values) {
    facts.values = values;
    return;
  }
  std::set<std::string> allowed;
  for (const int32_t value : values) allowed.insert(tree_.json(value));
  std::erase_if(*facts.values, [&](int32_t v) { return !allowed.contains(tree_.json(v)); });
}

bool SchemaReader::read_bounds(Facts& facts, int32_t node, const std::string& key,
                               int32_t value) const {
  const SchemaNode& at = tree_.at(value);
  NumberRange& range = facts.range;
  const auto least = [&](double x, bool above) {
    if (!range.min || x > *range.min) range.min = x, range.above_min = above;
    else if (x == *range.min) range.above_min |= above;
  };
  const auto most = [&](double x, bool below) {
    if (!range.max || x < *range.max) range.max = x, range.below_max = below;
    else if (x == *range.max) range.below_max |= below;
  };
  const auto flag = [&](const char* other) {
    const int32_t bound = tree_.find(node, other);
    return bound >= 0 && tree_.at(bound).kind == JsonKind::boolean && tree_.at(bound).boolean;
  };
  if (key == "exclusiveMinimum" || key == "exclusiveMaximum") {
    // A boolean, as in draft 4, belongs to the bound beside it.
    if (at.kind == JsonKind::boolean) return true;
  } else if (key != "minimum" && key != "maximum" && key != "multipleOf") {
    return false;
  }
  if (at.kind != JsonKind::number) tree_.fail(node, key, "is no number");
  if (key == "minimum") least(at.number, flag("exclusiveMinimum"));
  if (key == "maximum") most(at.number, flag("exclusiveMaximum"));
  if (key == "exclusiveMinimum") least(at.number, true);
  if (key == "exclusiveMaximum") most(at.number, true);
  if (key == "multipleOf") {
    if (at.number <= 0) tree_.fail(node, key, "is not above 0");
    if (facts.step && *facts.step != at.number)
      tree_.unsupported(node, key, "stands beside another one");
    facts.step = at.number;
  }
  return true;
}

bool SchemaReader::read_object(Facts& facts, int32_t node, const std::string& key,
                               int32_t value) const {
  const SchemaNode& at = tree_.at(value);
  if (key == "properties" || key == "patternProperties") {
    if (at.kind != JsonKind::object) tree_.fail(node, key, "is no object");
    facts.has_properties = true;
    for (const auto& [name, child] : at.members) {
      require_schema(node, key, child);
      if (key == "patternProperties") facts.patterns.push_back({child, name});
      else if (std::find(facts.names.begin(), facts.names.end(), name) == facts.names.end())
        facts.names.push_back(name);
    }
  } else if (key == "required") {
    if (at.kind == JsonKind::boolean) tree_.unsupported(node, key, "is no list of names");
    if (at.kind != JsonKind::array) tree_.fail(node, key, "is no list of names");
    for (const int32_t name : at.elements) {
      if (tree_.at(name).kind != JsonKind::string) tree_.fail(node, key, "is no list of names");
      facts.required.insert(tree_.at(name).text);
    }
  } else if (key == "propertyNames") {
    require_schema(node, key, value);
    facts.member_names.push_back(value);
  } else if (key == "additionalProperties") {
    require_schema(node, key, value);
  } else if (key == "minProperties") {
    facts.min_members = std::max(facts.min_members, count(node, key, value));
  } else if (key == "maxProperties") {
    facts.max_members = std::min(facts.max_members, count(node, key, value));
  } else {
    return false;
  }
  return true;
}

void SchemaReader::check_array_keyword(int32_t node, const std::string& key, int32_t value) const {
  const SchemaNode& at = tree_.at(value);
  const bool list = key == "prefixItems" || (key == "items" && at.kind == JsonKind::array);
  if (list && at.kind != JsonKind::array) tree_.fail(node, key, "is no list of schemas");
  if (!list) return require_schema(node, key, value);
  for (const int32_t child : at.elements) require_schema(node, key, child);
}

void SchemaReader::read_keyword(Facts& facts, int32_t node, const std::string& key,
                                int32_t value) const {
  const SchemaNode& at = tree_.at(value);
  if (key == "enum") {
    if (at.kind != JsonKind::array || at.elements.empty())
      tree_.fail(node, key, "is no list of values");
    return intersect(facts, at.elements);
  }
  if (key == "const") return intersect(facts, {value});
  if (key == "minLength") {
    facts.min_length = std::max(facts.min_length, count(node, key, value));
  } else if (key == "maxLength") {
    facts.max_length = std::min(facts.max_length, count(node, key, value));
  } else if (key == "pattern" || key == "format") {
    if (at.kind != JsonKind::string) tree_.fail(node, key, "is no text");
    int32_t& known = key == "pattern" ? facts.pattern : facts.format;
    if (known >= 0 && tree_.at(known).text != at.text)
      tree_.unsupported(node, key, "stands beside another one");
    known = value;
  } else if (key == "minItems") {
    facts.min_items = std::max(facts.min_items, count(node, key, value));
  } else if (key == "maxItems") {
    facts.max_items = std::min(facts.max_items, count(node, key, value));
  } else if (key == "uniqueItems") {
    if (at.kind != JsonKind::boolean) tree_.fail(node, key, "is neither true nor false");
    if (at.boolean) facts.unique = node;
  } else if (key == "items" || key == "prefixItems" || key == "additionalItems") {
    check_array_keyword(node, key, value);
  } else if (key == "unevaluatedProperties" || key == "unevaluatedItems") {
    // Nothing that is not declared is ever written.
    if (at.kind != JsonKind::boolean) tree_.unsupported(node, key);
  } else if (key == "nullable") {
    if (at.kind != JsonKind::boolean) tree_.fail(node, key, "is neither true nor false");
  } else if (!read_bounds(facts, node, key, value) && !read_object(facts, node, key, value)) {
    tree_.unsupported(node, key);
  }
}

void SchemaReader::read_part(Facts& facts, const Part& part) const {
  const SchemaNode& schema = tree_.at(part.node);
  if (schema.kind == JsonKind::boolean) {
    facts.impossible |= !schema.boolean;
    return;
  }
  for (const auto& [key, value] : schema.members) {
    if (key == "type") {
      uint32_t types = read_types(part.node, value);
      const int32_t nullable = tree_.find(part.node, "nullable");
      if (nullable >= 0 && tree_.at(nullable).boolean) types |= kNull;
      facts.types &= types;
    } else if (key == "anyOf" || key == "oneOf") {
      if (tree_.at(value).kind != JsonKind::array || tree_.at(value).elements.empty())
        tree_.fail(part.node, key, "is no list of schemas");
      for (const int32_t child : tree_.at(value).elements) require_schema(part.node, key, child);
    } else if (key != "$ref" && key != "allOf" && !is_note(key)) {
      read_keyword(facts, part.node, key, value);
    }
  }
}

// Where no schema names a type, its keywords do: those of one type say nothing about the others,
// and nothing is what they would allow there.
uint32_t SchemaReader::implied_types(const Conjunction& parts) const {
  static const std::vector<std::pair<uint32_t, std::vector<const char*>>> kKeywords = {
      {kObject,
       {"properties", "required", "additionalProperties", "patternProperties", "propertyNames",
        "minProperties", "maxProperties"}},
      {kArray, {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}},
      {kString, {"minLength", "maxLength", "pattern", "format"}},
      {kNumber, {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}}};
  uint32_t types = 0;
  for (const Part& part : parts)
    for (const auto& [type, keys] : kKeywords)
      for (const char* key : keys)
        if (tree_.find(part.node, key) >= 0) types |= type;
  return types == 0 ? kAnyType : types;
}

Facts SchemaReader::read(const Conjunction& parts) const {
  Facts facts;
  for (const Part& part : parts) read_part(facts, part);
  if (facts.types == kAnyType && !facts.values) facts.types = implied_types(parts);
  for (const std::string& name : facts.required)
    if (std::find(facts.names.begin(), facts.names.end(), name) == facts.names.end())
      facts.names.push_back(name);
  return facts;
}

}  // namespace conclave::grammar

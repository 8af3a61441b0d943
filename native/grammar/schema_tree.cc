#include "grammar/schema_tree.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "grammar/rules.h"
#include "grammar/schema_error.h"

namespace conclave::grammar {
namespace {

constexpr size_t kMaxText = 4 << 20;
constexpr int kMaxNesting = 64;

std::string number_text(const io::JsonValue& value) {
  try {
    return std::to_string(value.as_int());
  } catch (const Error&) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value.as_double()).ptr;
    return {text, end};
  }
}

// How deep brackets nest, without a parser: the strict one below stops at 64 with another code.
int nesting(std::string_view text) {
  int depth = 0, most = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (inside) {
      if (c == '\\') i++;
      else inside = c != '"';
    } else if (c == '"') {
      inside = true;
    } else if (c == '{' || c == '[') {
      most = std::max(most, ++depth);
    } else if (c == '}' || c == ']') {
      depth--;
    }
  }
  return most;
}

std::string decoded(std::string_view token) {
  std::string text;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
  };
  for (size_t i = 0; i < token.size(); i++) {
    const bool escaped = token[i] == '%' && i + 2 < token.size() && digit(token[i + 1]) >= 0 &&
                         digit(token[i + 2]) >= 0;
    if (escaped) {
      text.push_back(static_cast<char>(digit(token[i + 1]) * 16 + digit(token[i + 2])));
      i += 2;
    } else if (token[i] == '~' && i + 1 < token.size() &&
               (token[i + 1] == '0' || token[i + 1] == '1')) {
      text.push_back(token[++i] == '0' ? '~' : '/');
    } else {
      text.push_back(token[i]);
    }
  }
  return text;
}

}  // namespace

SchemaTree::SchemaTree(std::string text) {
  if (text.size() > kMaxText) throw Error("grammar_limit", "Expected a schema of at most 4 MiB.");
  if (nesting(text) > kMaxNesting)
    throw Error("grammar_limit", "Expected a schema nested at most 64 deep. Use $defs and $ref.");
  try {
    const io::JsonDocument document = io::parse_json(std::move(text), "the schema");
    add(document.root(), -1, "");
  } catch (const Error& error) {
    if (error.code() == std::string_view("invalid_file"))
      throw Error("grammar_error", error.what());
    throw;
  }
}

int32_t SchemaTree::add(const io::JsonValue& value, int32_t parent, std::string key) {
  const int32_t id = static_cast<int32_t>(nodes_.size());
  SchemaNode node;
  node.kind = value.kind();
  node.parent = parent;
  node.key = std::move(key);
  if (node.kind == io::JsonKind::boolean) node.boolean = value.as_bool();
  if (node.kind == io::JsonKind::string) node.text = value.as_string();
  if (node.kind == io::JsonKind::number) {
    node.number = value.as_double();
    node.text = number_text(value);
  }
  nodes_.push_back(std::move(node));
  if (value.is_object())
    for (const auto& [name, member] : value.members()) {
      const int32_t child = add(member, id, std::string(name));
      nodes_[static_cast<size_t>(id)].members.emplace_back(name, child);
      if ((name == "$anchor" || name == "$dynamicAnchor") && member.is_string())
        anchors_.emplace(member.as_string(), id);
    }
  if (value.is_array())
    for (const io::JsonValue element : value) {
      const size_t index = nodes_[static_cast<size_t>(id)].elements.size();
      const int32_t child = add(element, id, std::to_string(index));
      nodes_[static_cast<size_t>(id)].elements.push_back(child);
    }
  return id;
}

int32_t SchemaTree::find(int32_t node, std::string_view key) const {
  for (const auto& [name, child] : at(node).members)
    if (name == key) return child;
  return -1;
}

std::string SchemaTree::path(int32_t node) const {
  std::string path;
  for (; node >= 0 && at(node).parent >= 0; node = at(node).parent) {
    std::string token = "/";
    for (const char c : at(node).key) {
      if (c == '~') token += "~0";
      else if (c == '/') token += "~1";
      else token.push_back(c);
    }
    path = token.substr(0, 80) + path;
  }
  return path.empty() ? "/" : path;
}

int32_t SchemaTree::resolve(int32_t node, const std::string& reference) const {
  std::string_view rest = reference;
  const int32_t id = at(0).kind == io::JsonKind::object ? find(0, "$id") : -1;
  if (id >= 0 && !at(id).text.empty() && rest.starts_with(at(id).text))
    rest.remove_prefix(at(id).text.size());
  if (rest.empty() || rest == "#") return 0;
  if (rest[0] != '#') fail(node, "$ref", "points outside of the schema, and nothing is fetched");
  rest.remove_prefix(1);
  if (rest[0] != '/') {
    const auto found = anchors_.find(std::string(rest));
    if (found != anchors_.end()) return found->second;
    fail(node, "$ref", "names no $anchor of the schema");
  }
  int32_t here = 0;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string token = decoded(rest.substr(0, slash));
    rest.remove_prefix(slash);
    int32_t next = -1;
    if (at(here).kind == io::JsonKind::object) next = find(here, token);
    size_t index = 0;
    const auto [end, bad] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (at(here).kind == io::JsonKind::array && bad == std::errc() &&
        end == token.data() + token.size() && index < at(here).elements.size())
      next = at(here).elements[index];
    if (next < 0) fail(node, "$ref", "points to nothing in the schema");
    here = next;
  }
  return here;
}

std::string SchemaTree::json(int32_t id) const {
  const SchemaNode& node = at(id);
  switch (node.kind) {
    case io::JsonKind::null: return "null";
    case io::JsonKind::boolean: return node.boolean ? "true" : "false";
    case io::JsonKind::number: return node.text;
    case io::JsonKind::string: return json_quoted(node.text);
    case io::JsonKind::array: {
      std::string text = "[";
      for (const int32_t element : node.elements)
        text += (text.size() > 1 ? ", " : "") + json(element);
      return text + "]";
    }
    case io::JsonKind::object: {
      std::string text = "{";
      for (const auto& [name, member] : node.members)
        text += (text.size() > 1 ? ", " : "") + json_quoted(name) + ": " + json(member);
      return text + "}";
    }
  }
  return "";
}

void SchemaTree::fail(int32_t node, std::string_view keyword, const std::string& sentence) const {
  throw SchemaError(path(node), std::string(keyword), sentence);
}

void SchemaTree::unsupported(int32_t node, std::string_view keyword, const std::string& why) const {
  fail(node, keyword, why.empty() ? "is a keyword that cannot be enforced" : why);
}

}  // namespace conclave::grammar

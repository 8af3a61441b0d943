#pragma once
// A JSON Schema as a tree of numbered nodes, each of which knows the path that leads to it.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/json.h"

namespace conclave::grammar {

struct SchemaNode {
  io::JsonKind kind = io::JsonKind::null;
  bool boolean = false;
  double number = 0;
  std::string text;                                      // of a string; of a number, as JSON
  std::vector<std::pair<std::string, int32_t>> members;  // of an object
  std::vector<int32_t> elements;                         // of an array
  int32_t parent = -1;
  std::string key;  // in its parent
};

class SchemaTree {
 public:
  // Throws grammar_error where the text is no JSON, grammar_limit where it nests deeper than 64 or
  // is longer than 4 MiB.
  explicit SchemaTree(std::string text);

  const SchemaNode& at(int32_t node) const { return nodes_[static_cast<size_t>(node)]; }
  // Member of an object, −1: none.
  int32_t find(int32_t node, std::string_view key) const;
  // JSON Pointer from the root; "/" is the root itself.
  std::string path(int32_t node) const;
  // The node that `$ref` of `node` names. Nothing is fetched.
  int32_t resolve(int32_t node, const std::string& reference) const;
  // The value as compact JSON, members in their order.
  std::string json(int32_t node) const;

  // Throws `code` (grammar_error or grammar_limit) naming path and keyword.
  [[noreturn]] void fail(int32_t node, std::string_view keyword, const std::string& sentence) const;
  [[noreturn]] void unsupported(int32_t node, std::string_view keyword,
                                const std::string& why = "") const;

 private:
  int32_t add(const io::JsonValue& value, int32_t parent, std::string key);
  std::vector<SchemaNode> nodes_;
  std::unordered_map<std::string, int32_t> anchors_;
};

}  // namespace conclave::grammar

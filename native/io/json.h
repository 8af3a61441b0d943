#pragma once
// A small strict JSON document: nesting at most 64, duplicate keys refused, UTF-8 checked, integers
// exact. One copy of the text plus 8 bytes for each value. Accessors throw sentences that name the
// key and the byte.
//   const JsonDocument doc = parse_json(text, "graph document");
//   for (JsonValue node : doc.root().at("nodes")) use(node.at("op").as_string());
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/json_scanner.h"

namespace conclave::io {

enum class JsonKind : uint8_t { null, boolean, number, string, array, object };

namespace detail {
struct JsonTape;
}

// A handle, cheap to copy, valid as long as its document.
class JsonValue {
 public:
  class Iterator;

  JsonKind kind() const;
  bool is_null() const { return kind() == JsonKind::null; }
  bool is_string() const { return kind() == JsonKind::string; }
  bool is_number() const { return kind() == JsonKind::number; }
  bool is_array() const { return kind() == JsonKind::array; }
  bool is_object() const { return kind() == JsonKind::object; }

  bool as_bool() const;
  std::string_view as_string() const;
  int64_t as_int() const;    // refuses fractions, exponents and values outside int64
  uint64_t as_uint() const;  // likewise, and negative ones
  double as_double() const;  // any number

  // Elements of an array or members of an object.
  size_t size() const;
  // Elements of an array, or values of an object, in file order.
  Iterator begin() const;
  Iterator end() const;
  // The same as handles, where the order of access is not front to back.
  std::vector<JsonValue> elements() const;
  std::vector<int64_t> as_ints() const;
  // Members of an object, in file order.
  std::vector<std::pair<std::string_view, JsonValue>> members() const;

  // Member of an object: `at` throws where it is absent, `find` does not. Both walk the members:
  // O(size).
  JsonValue at(std::string_view key) const;
  std::optional<JsonValue> find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key).has_value(); }

  // The same in one call, with a value for an absent key.
  int64_t int_or(std::string_view key, int64_t fallback) const;
  double double_or(std::string_view key, double fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;
  std::string_view string_or(std::string_view key, std::string_view fallback) const;

 private:
  friend class JsonDocument;
  JsonValue(const detail::JsonTape* tape, uint32_t index, std::string_view key)
      : tape_(tape), index_(index), key_(key) {}
  JsonNumber number() const;
  void require(JsonKind kind) const;
  [[noreturn]] void fail(const std::string& expected) const;

  const detail::JsonTape* tape_;
  uint32_t index_;
  std::string_view key_;  // the member it was reached through, for errors
};

class JsonValue::Iterator {
 public:
  JsonValue operator*() const;
  Iterator& operator++();
  bool operator!=(const Iterator& other) const { return index_ != other.index_; }

 private:
  friend class JsonValue;
  Iterator(const detail::JsonTape* tape, uint32_t index, bool keyed, std::string_view key)
      : tape_(tape), index_(index), keyed_(keyed), key_(key) {}
  const detail::JsonTape* tape_;
  uint32_t index_;
  bool keyed_;
  std::string_view key_;
};

class JsonDocument {
 public:
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();
  JsonValue root() const;

 private:
  friend JsonDocument parse_json(std::string text, const std::string& what);
  explicit JsonDocument(std::unique_ptr<detail::JsonTape> tape);
  std::unique_ptr<detail::JsonTape> tape_;
};

// `what` names the document in errors. Throws `invalid_file`; the text is at most 256 MiB.
JsonDocument parse_json(std::string text, const std::string& what);

}  // namespace conclave::io

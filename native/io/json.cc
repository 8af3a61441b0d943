#include "io/json.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::io {
namespace {

constexpr size_t kMaxTextBytes = size_t{256} << 20;  // offsets fit the 29 bits of a node
constexpr int kMaxDepth = 64;
constexpr const char* kKindNames[] = {"null",     "a boolean", "a number",
                                      "a string", "an array",  "an object"};

struct Node {
  uint32_t kind : 3;
  uint32_t offset : 29;  // of the first byte of the value; of a string, after its quote
  // string: decoded length. number, boolean, null: unused. array, object: index after the last node
  // inside.
  uint32_t extent;
};

}  // namespace

namespace detail {

// Values in preorder; a key is a string node before its value. Strings with escapes are decoded in
// place.
struct JsonTape {
  std::string text;
  std::string what;
  std::vector<Node> nodes;

  JsonKind kind(uint32_t i) const { return static_cast<JsonKind>(nodes[i].kind); }
  std::string_view string(uint32_t i) const {
    return {text.data() + nodes[i].offset, nodes[i].extent};
  }
  uint32_t after(uint32_t i) const {
    const JsonKind k = kind(i);
    return k == JsonKind::array || k == JsonKind::object ? nodes[i].extent : i + 1;
  }
};

}  // namespace detail

namespace {

class TapeWriter {
 public:
  explicit TapeWriter(detail::JsonTape& tape) : tape_(tape), scanner_(tape.text, tape.what) {}

  void document() {
    value(kMaxDepth);
    scanner_.skip_space();
    if (scanner_.offset() < tape_.text.size()) scanner_.fail("expected the end of the text.");
  }

 private:
  uint32_t push(JsonKind kind, size_t offset, size_t extent) {
    tape_.nodes.push_back({static_cast<uint32_t>(kind), static_cast<uint32_t>(offset),
                           static_cast<uint32_t>(extent)});
    return static_cast<uint32_t>(tape_.nodes.size() - 1);
  }

  uint32_t string(const char* place) {
    const RawString raw = scanner_.string(place);
    const size_t offset = static_cast<size_t>(raw.text.data() - tape_.text.data());
    size_t length = raw.text.size();
    if (raw.escaped) length = unescape_json(tape_.text.data() + offset, raw.text);
    return push(JsonKind::string, offset, length);
  }

  void value(int depth) {
    const char c = scanner_.peek();
    const size_t offset = scanner_.offset();
    if (c == '"') {
      string("");
    } else if (c == '{' || c == '[') {
      if (depth == 0) scanner_.fail("the nesting is deeper than 64.");
      container(c == '{', depth - 1);
    } else if (c == 't' || c == 'f') {
      scanner_.boolean();
      push(JsonKind::boolean, offset, 0);
    } else if (c == 'n') {
      scanner_.null();
      push(JsonKind::null, offset, 0);
    } else {
      scanner_.number("or another JSON value");
      push(JsonKind::number, offset, 0);
    }
  }

  void container(bool object, int depth) {
    const char close = object ? '}' : ']';
    const uint32_t self = push(object ? JsonKind::object : JsonKind::array, scanner_.offset(), 0);
    scanner_.take(object ? '{' : '[');
    std::vector<uint32_t> keys;
    if (!scanner_.take(close)) {
      do {
        if (object) {
          keys.push_back(string("as a key"));
          scanner_.expect(':', "after a key");
        }
        value(depth);
      } while (scanner_.take(','));
      scanner_.expect(close, "or a comma after a value");
    }
    refuse_duplicates(keys);
    tape_.nodes[self].extent = static_cast<uint32_t>(tape_.nodes.size());
  }

  void refuse_duplicates(std::vector<uint32_t>& keys) {
    std::sort(keys.begin(), keys.end(),
              [&](uint32_t a, uint32_t b) { return tape_.string(a) < tape_.string(b); });
    const auto twice = std::adjacent_find(keys.begin(), keys.end(), [&](uint32_t a, uint32_t b) {
      return tape_.string(a) == tape_.string(b);
    });
    if (twice == keys.end()) return;
    const std::string key(tape_.string(*twice).substr(0, 100));
    scanner_.fail_at(tape_.nodes[std::max(twice[0], twice[1])].offset,
                     "the key \"" + key + "\" appears twice.");
  }

  detail::JsonTape& tape_;
  JsonScanner scanner_;
};

}  // namespace

JsonDocument::JsonDocument(std::unique_ptr<detail::JsonTape> tape) : tape_(std::move(tape)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;
JsonValue JsonDocument::root() const { return {tape_.get(), 0, {}}; }

JsonDocument parse_json(std::string text, const std::string& what) {
  if (text.size() > kMaxTextBytes) {
    throw Error("invalid_file", "Expected a " + what + " of at most 256 MiB, but it has " +
                                    std::to_string(text.size()) + " bytes.");
  }
  auto tape = std::make_unique<detail::JsonTape>();
  tape->text = std::move(text);
  tape->what = what;
  tape->nodes.reserve(tape->text.size() / 8 + 1);
  TapeWriter(*tape).document();
  return JsonDocument(std::move(tape));
}

JsonKind JsonValue::kind() const { return tape_->kind(index_); }

void JsonValue::fail(const std::string& expected) const {
  std::string where = "In the " + tape_->what;
  if (!key_.empty()) where += ", key \"" + std::string(key_.substr(0, 100)) + "\"";
  throw Error("invalid_file", where + ": expected " + expected + ", but found " +
                                  kKindNames[static_cast<int>(kind())] + " at byte " +
                                  std::to_string(tape_->nodes[index_].offset) + ".");
}

void JsonValue::require(JsonKind wanted) const {
  if (kind() != wanted) fail(kKindNames[static_cast<int>(wanted)]);
}

bool JsonValue::as_bool() const {
  require(JsonKind::boolean);
  return tape_->text[tape_->nodes[index_].offset] == 't';
}

std::string_view JsonValue::as_string() const {
  require(JsonKind::string);
  return tape_->string(index_);
}

JsonNumber JsonValue::number() const {
  require(JsonKind::number);
  JsonScanner scanner(std::string_view(tape_->text).substr(tape_->nodes[index_].offset),
                      tape_->what);
  return scanner.number("");
}

int64_t JsonValue::as_int() const {
  const JsonNumber n = number();
  const uint64_t limit = (uint64_t{1} << 63) - (n.negative ? 0 : 1);
  if (!n.integer || n.magnitude > limit) fail("an integer of 64 bits");
  return static_cast<int64_t>(n.negative ? uint64_t{0} - n.magnitude : n.magnitude);
}

uint64_t JsonValue::as_uint() const {
  const JsonNumber n = number();
  if (!n.integer || (n.negative && n.magnitude != 0)) fail("a non-negative integer of 64 bits");
  return n.magnitude;
}

double JsonValue::as_double() const { return number().value; }

size_t JsonValue::size() const {
  size_t n = 0;
  for (auto it = begin(); it != end(); ++it) n++;
  return n;
}

JsonValue::Iterator JsonValue::begin() const {
  if (!is_array() && !is_object()) fail("an array or an object");
  return {tape_, index_ + 1, is_object(), key_};
}

JsonValue::Iterator JsonValue::end() const {
  return {tape_, tape_->after(index_), is_object(), key_};
}

JsonValue JsonValue::Iterator::operator*() const {
  return keyed_ ? JsonValue(tape_, index_ + 1, tape_->string(index_))
                : JsonValue(tape_, index_, key_);
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = tape_->after(keyed_ ? index_ + 1 : index_);
  return *this;
}

std::vector<JsonValue> JsonValue::elements() const {
  require(JsonKind::array);
  std::vector<JsonValue> all;
  for (JsonValue element : *this) all.push_back(element);
  return all;
}

std::vector<int64_t> JsonValue::as_ints() const {
  require(JsonKind::array);
  std::vector<int64_t> all;
  for (JsonValue element : *this) all.push_back(element.as_int());
  return all;
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
  require(JsonKind::object);
  std::vector<std::pair<std::string_view, JsonValue>> all;
  for (JsonValue value : *this) all.emplace_back(value.key_, value);
  return all;
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  require(JsonKind::object);
  for (JsonValue value : *this) {
    if (value.key_ == key) return value;
  }
  return std::nullopt;
}

JsonValue JsonValue::at(std::string_view key) const {
  if (const auto value = find(key)) return *value;
  fail("the key \"" + std::string(key) + "\" in the object");
}

int64_t JsonValue::int_or(std::string_view key, int64_t fallback) const {
  const auto value = find(key);
  return value ? value->as_int() : fallback;
}

double JsonValue::double_or(std::string_view key, double fallback) const {
  const auto value = find(key);
  return value ? value->as_double() : fallback;
}

bool JsonValue::bool_or(std::string_view key, bool fallback) const {
  const auto value = find(key);
  return value ? value->as_bool() : fallback;
}

std::string_view JsonValue::string_or(std::string_view key, std::string_view fallback) const {
  const auto value = find(key);
  return value ? value->as_string() : fallback;
}

}  // namespace conclave::io

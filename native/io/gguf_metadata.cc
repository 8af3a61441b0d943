#include "io/gguf_metadata.h"

#include "io/checked.h"

namespace conclave::io {
namespace {

constexpr uint32_t kNumTypes = 13;
// Bytes of one element; 0 for strings and arrays.
constexpr uint64_t kWidths[kNumTypes] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr const char* kTypeNames[kNumTypes] = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
constexpr uint64_t kMinStringBytes = 8;  // its length

uint64_t width(GgufType type) { return kWidths[static_cast<size_t>(type)]; }

void check_booleans(const GgufCursor& cursor, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    if (std::to_integer<int>(b) > 1) cursor.refuse("a boolean before it is neither 0 nor 1");
  }
}

// Bytes of `count` elements.
std::span<const std::byte> take_elements(GgufCursor& cursor, GgufType type, uint64_t count) {
  if (type != GgufType::string) {
    return cursor.take(checked_mul(count, width(type), "the size of an array"), "a value");
  }
  if (count > cursor.left() / kMinStringBytes) {
    cursor.refuse("an array claims " + std::to_string(count) + " strings in " +
                  std::to_string(cursor.left()) + " bytes");
  }
  GgufCursor begin = cursor;
  for (uint64_t i = 0; i < count; i++) cursor.string("a string");
  return begin.take(cursor.offset() - begin.offset(), "strings");
}

template <class T>
double number_at(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return static_cast<double>(value);
}

double number_of(const std::byte* at, GgufType type) {
  switch (type) {
    case GgufType::i8: return number_at<int8_t>(at);
    case GgufType::u16: return number_at<uint16_t>(at);
    case GgufType::i16: return number_at<int16_t>(at);
    case GgufType::u32: return number_at<uint32_t>(at);
    case GgufType::i32: return number_at<int32_t>(at);
    case GgufType::f32: return number_at<float>(at);
    case GgufType::u64: return number_at<uint64_t>(at);
    case GgufType::i64: return number_at<int64_t>(at);
    case GgufType::f64: return number_at<double>(at);
    default: return number_at<uint8_t>(at);
  }
}

}  // namespace

const char* gguf_type_name(GgufType type) { return kTypeNames[static_cast<size_t>(type)]; }

GgufType read_gguf_type(GgufCursor& cursor) {
  const uint32_t type = cursor.number<uint32_t>("the type of a value");
  if (type >= kNumTypes) cursor.refuse("value type " + std::to_string(type) + " does not exist");
  return static_cast<GgufType>(type);
}

GgufValue read_gguf_elements(GgufCursor& cursor, GgufType type) {
  GgufValue value;
  value.type = value.element = type;
  if (type == GgufType::array) {
    value.element = read_gguf_type(cursor);
    if (value.element == GgufType::array) cursor.refuse("an array of arrays is not read");
    value.count = cursor.number<uint64_t>("the length of an array");
  }
  value.bytes = take_elements(cursor, value.element, value.count);
  if (value.element == GgufType::boolean) check_booleans(cursor, value.bytes);
  return value;
}

GgufValue read_gguf_value(std::span<const std::byte> bytes, GgufKey key, const std::string& what) {
  GgufCursor cursor(bytes, what, key.begin);
  const std::string_view name = cursor.string("a key");
  cursor.number<uint32_t>("the type of a value");  // as it was checked, should the file change
  GgufValue value = read_gguf_elements(cursor, key.type);
  value.key = name;
  return value;
}

void GgufValue::for_each_number(const std::function<void(double)>& visit) const {
  const uint64_t step = width(element);
  for (uint64_t i = 0; i < count && step > 0; i++)
    visit(number_of(bytes.data() + i * step, element));
}

void GgufValue::for_each_string(const std::function<void(std::string_view)>& visit) const {
  if (element != GgufType::string) return;
  const std::string what(key);
  GgufCursor cursor(bytes, what);
  for (uint64_t i = 0; i < count; i++) visit(cursor.string("a string"));
}

}  // namespace conclave::io

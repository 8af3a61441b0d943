#pragma once
// The lexical layer of JSON (RFC 8259, strict): strings, numbers and literals over text that it
// never copies. Callers walk the structure. Errors are `invalid_file` and give the byte offset.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace conclave::io {

// The text between the quotes, UTF-8 and escapes already checked.
struct RawString {
  std::string_view text;
  bool escaped = false;  // holds backslashes: unescape_json before use
};

struct JsonNumber {
  bool integer = false;  // written without fraction and exponent, and |value| fits `magnitude`
  bool negative = false;
  uint64_t magnitude = 0;  // exact where `integer`
  double value = 0;        // always set; overflow to infinity is refused
};

// Writes the decoded string to `out`, which has room for raw.text.size() bytes and may be raw.text
// itself. Returns the decoded length, never more than the raw one.
size_t unescape_json(char* out, std::string_view raw);

class JsonScanner {
 public:
  // `what` names the document in errors ("header of model.safetensors"). Both must outlive the
  // scanner.
  // `base` is where the text begins in its file, for the offsets in errors.
  JsonScanner(std::string_view text, const std::string& what, uint64_t base = 0)
      : text_(text), what_(what), base_(base) {}

  size_t offset() const { return at_; }
  void skip_space();
  // First byte of what comes next, after space; 0 at the end.
  char peek();
  // Consumes `c` if it comes next.
  bool take(char c);
  void expect(char c, const char* place);
  RawString string(const char* place);
  JsonNumber number(const char* place);
  // true or false; null is consumed by take_null.
  bool boolean();
  void null();
  // Consumes one value of any kind, nested at most `max_depth` levels.
  void skip_value(int max_depth);

  [[noreturn]] void fail(const std::string& sentence) const { fail_at(at_, sentence); }
  [[noreturn]] void fail_at(size_t offset, const std::string& sentence) const;

 private:
  void literal(std::string_view word);
  void escape();
  void utf8_sequence();
  unsigned hex4();
  bool digits();

  std::string_view text_;
  const std::string& what_;
  uint64_t base_;
  size_t at_ = 0;
};

}  // namespace conclave::io

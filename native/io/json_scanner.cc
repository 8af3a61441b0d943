#include "io/json_scanner.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

#include "core/error.h"

namespace conclave::io {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The scanner has checked the digits; bounds are kept all the same, for a mapped file may change.
unsigned read_hex4(std::string_view text, size_t at) {
  unsigned code = 0;
  for (size_t i = at; i < at + 4 && i < text.size(); i++) {
    code = code * 16 + (static_cast<unsigned>(hex_digit(text[i])) & 15);
  }
  return code;
}

size_t put_utf8(char* out, unsigned code) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr unsigned kLead[] = {0, 0xc0, 0xe0, 0xf0};
  out[0] = static_cast<char>(kLead[tail] | (code >> (6 * tail)));
  for (int i = 1; i <= tail; i++) {
    out[i] = static_cast<char>(0x80 | ((code >> (6 * (tail - i))) & 0x3f));
  }
  return static_cast<size_t>(tail) + 1;
}

// In the "C" locale whatever the process has set. Overflow gives infinity, underflow the nearest
// double.
double to_double(std::string_view digits) {
  std::istringstream in{std::string(digits)};
  in.imbue(std::locale::classic());
  in.exceptions(std::ios::badbit);  // else a failed allocation in here would read as zero
  double value = 0;
  in >> value;
  const bool overflow = in.fail() && std::abs(value) >= std::numeric_limits<double>::max();
  return overflow ? std::numeric_limits<double>::infinity() : value;
}

char unescape_char(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;  // quote, backslash, slash
  }
}

}  // namespace

size_t unescape_json(char* out, std::string_view raw) {
  size_t n = 0;
  for (size_t i = 0; i < raw.size(); i++) {
    char c = raw[i];
    if (c != '\\' || ++i == raw.size()) {
      out[n++] = c;
      continue;
    }
    c = raw[i];
    if (c != 'u') {
      out[n++] = unescape_char(c);
      continue;
    }
    if (i + 4 >= raw.size()) break;
    unsigned code = read_hex4(raw, i + 1);
    i += 4;
    if (code >= 0xd800 && code < 0xdc00) {  // the high half: the low one follows as \uXXXX
      if (i + 6 >= raw.size()) break;
      code = 0x10000 + ((code - 0xd800) << 10) + (read_hex4(raw, i + 3) & 0x3ff);
      i += 6;
    }
    n += put_utf8(out + n, code);
  }
  return n;
}

void JsonScanner::fail_at(size_t offset, const std::string& sentence) const {
  throw Error("invalid_file", "Invalid JSON in the " + what_ + " at byte " +
                                  std::to_string(base_ + offset) + ": " + sentence);
}

void JsonScanner::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    at_++;
  }
}

char JsonScanner::peek() {
  skip_space();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonScanner::take(char c) {
  if (peek() != c || at_ >= text_.size()) return false;
  at_++;
  return true;
}

void JsonScanner::expect(char c, const char* place) {
  if (take(c)) return;
  fail(std::string("expected '") + c + "' " + place +
       (at_ < text_.size() ? "." : ", but the text ends."));
}

unsigned JsonScanner::hex4() {
  unsigned code = 0;
  for (int i = 0; i < 4; i++, at_++) {
    const int digit = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
    if (digit < 0) fail("expected four hexadecimal digits after \\u.");
    code = code * 16 + static_cast<unsigned>(digit);
  }
  return code;
}

void JsonScanner::escape() {  // at the character after the backslash
  const char c = at_ < text_.size() ? text_[at_] : '\0';
  if (c == '\0' || std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) {
    fail("expected a JSON escape after the backslash.");
  }
  at_++;
  if (c != 'u') return;
  const unsigned code = hex4();
  if (code >= 0xdc00 && code < 0xe000) fail("a low surrogate stands alone.");
  if (code < 0xd800 || code >= 0xdc00) return;
  if (text_.substr(at_, 2) != "\\u") fail("a high surrogate stands alone.");
  at_ += 2;
  const unsigned low = hex4();
  if (low < 0xdc00 || low >= 0xe000) fail("a high surrogate stands alone.");
}

void JsonScanner::utf8_sequence() {  // RFC 3629: no overlong forms, no surrogates, at most U+10FFFF
  const auto byte = [&](size_t i) {
    return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0u;
  };
  const unsigned lead = byte(0);
  size_t tail = 0;
  unsigned lowest = 0x80, highest = 0xbf;  // of the second byte
  if (lead >= 0xc2 && lead <= 0xdf) {
    tail = 1;
  } else if ((lead & 0xf0) == 0xe0) {
    tail = 2;
    if (lead == 0xe0) lowest = 0xa0;
    if (lead == 0xed) highest = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    tail = 3;
    if (lead == 0xf0) lowest = 0x90;
    if (lead == 0xf4) highest = 0x8f;
  }
  bool valid = tail != 0 && byte(1) >= lowest && byte(1) <= highest;
  for (size_t i = 2; i <= tail; i++) valid = valid && (byte(i) & 0xc0) == 0x80;
  if (!valid) fail("the bytes are not UTF-8.");
  at_ += tail + 1;
}

RawString JsonScanner::string(const char* place) {
  expect('"', place);
  const size_t begin = at_;
  RawString raw;
  while (true) {
    if (at_ >= text_.size()) fail_at(begin, "the string has no end.");
    const unsigned char c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') break;
    if (c < 0x20) fail("a control character in a string must be written as an escape.");
    if (c == '\\') {
      raw.escaped = true;
      at_++;
      escape();
    } else if (c < 0x80) {
      at_++;
    } else {
      utf8_sequence();
    }
  }
  raw.text = text_.substr(begin, at_ - begin);
  at_++;
  return raw;
}

bool JsonScanner::digits() {
  const size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) at_++;
  return at_ > begin;
}

JsonNumber JsonScanner::number(const char* place) {
  const char first = peek();
  const size_t begin = at_;
  if (first != '-' && !is_digit(first)) fail(std::string("expected a number ") + place + ".");
  JsonNumber number;
  number.negative = first == '-';
  if (number.negative) at_++;
  const size_t whole = at_;
  if (!digits()) fail("expected a digit.");
  if (text_[whole] == '0' && at_ > whole + 1) fail_at(whole, "a number must not start with 0.");
  bool fraction = false;
  if (at_ < text_.size() && text_[at_] == '.') {
    fraction = true;
    at_++;
    if (!digits()) fail("expected a digit after the decimal point.");
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    fraction = true;
    at_++;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) at_++;
    if (!digits()) fail("expected a digit in the exponent.");
  }
  const char* end = text_.data() + at_;
  if (!fraction) {
    number.integer = std::from_chars(text_.data() + whole, end, number.magnitude).ec == std::errc();
  }
  number.value = number.integer ? static_cast<double>(number.magnitude) * (number.negative ? -1 : 1)
                                : to_double(text_.substr(begin, at_ - begin));
  if (!std::isfinite(number.value)) fail_at(begin, "the number is larger than a double can hold.");
  return number;
}

void JsonScanner::literal(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) fail("expected a JSON value.");
  at_ += word.size();
}

bool JsonScanner::boolean() {
  const bool value = peek() == 't';
  literal(value ? "true" : "false");
  return value;
}

void JsonScanner::null() {
  skip_space();
  literal("null");
}

void JsonScanner::skip_value(int max_depth) {
  const char c = peek();
  if (c == '"') {
    string("");
  } else if (c == '-' || is_digit(c)) {
    number("");
  } else if (c == 't' || c == 'f') {
    boolean();
  } else if (c == '{' || c == '[') {
    if (max_depth <= 0) fail("the nesting is deeper than is allowed here.");
    const char close = c == '{' ? '}' : ']';
    at_++;
    if (take(close)) return;
    do {
      if (c == '{') {
        string("as a key");
        expect(':', "after a key");
      }
      skip_value(max_depth - 1);
    } while (take(','));
    expect(close, "or a comma after a value");
  } else {
    null();
  }
}

}  // namespace conclave::io

#include "io/json.h"

#include "expect.h"

namespace conclave::test {
namespace {

using io::parse_json;

struct BadText {
  const char* name;
  std::string text;
  const char* part;
};

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

void refuses() {
  const BadText cases[] = {
      {"empty", "", "byte 0"},
      {"spaces", "  ", "byte 2"},
      {"two values", "1 2", "end of the text"},
      {"trailing comma", "[1,]", "number or another JSON value"},
      {"missing comma", "[1 2]", "comma"},
      {"missing colon", "{\"a\" 1}", "':'"},
      {"key without quotes", "{a:1}", "as a key"},
      {"cut array", "[1", "comma"},
      {"cut object", "{\"a\":1", "comma"},
      {"cut string", "\"abc", "has no end"},
      {"cut literal", "tru", "JSON value"},
      {"NaN", "NaN", "number"},
      {"leading zero", "01", "start with 0"},
      {"minus alone", "-", "digit"},
      {"plus", "+1", "number"},
      {"point alone", "1.", "decimal point"},
      {"exponent alone", "1e", "exponent"},
      {"too large", "1e309", "double"},
      {"control character", "\"a\nb\"", "control character"},
      {"bad escape", "\"\\x\"", "escape"},
      {"short unicode escape", "\"\\u12\"", "hexadecimal"},
      {"lone high surrogate", "\"\\ud800\"", "high surrogate"},
      {"lone low surrogate", "\"\\udc00\"", "low surrogate"},
      {"high twice", "\"\\ud800\\ud800\"", "high surrogate"},
      {"stray byte", "\"\x80\"", "not UTF-8"},
      {"overlong", "\"\xc0\xaf\"", "not UTF-8"},
      {"overlong 3", "\"\xe0\x80\xaf\"", "not UTF-8"},
      {"surrogate in UTF-8", "\"\xed\xa0\x80\"", "not UTF-8"},
      {"beyond Unicode", "\"\xf4\x90\x80\x80\"", "not UTF-8"},
      {"cut UTF-8", "\"\xe4\xbd", "not UTF-8"},
      {"BOM", "\xef\xbb\xbf{}", "number"},
      {"NUL", std::string("[\0]", 3), "number"},
      {"duplicate key", "{\"a\":1,\"b\":2,\"a\":3}", "appears twice"},
      {"duplicate key by escape", "{\"a\":1,\"\\u0061\":3}", "appears twice"},
      {"depth 65", nested(65), "deeper than 64"},
      {"depth 100,000", nested(100'000), "deeper than 64"},
  };
  for (const BadText& c : cases) {
    expect_code("invalid_file", c.part, std::string("json ") + c.name,
                [&] { parse_json(c.text, "document"); });
  }
}

void reads_values() {
  const auto doc = parse_json(
      " {\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude42\xe4\xbd\xa0\",\"n\":[0,-0,1.5e3,"
      "-9223372036854775808,18446744073709551615],\"t\":true,\"z\":null,\"o\":{\"__proto__\":1}} ",
      "document");
  const auto root = doc.root();
  expect(root.at("s").as_string() == "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x99\x82\xe4\xbd\xa0",
         "json escapes");
  const auto n = root.at("n").elements();
  expect(n.size() == 5 && n[0].as_int() == 0 && n[1].as_uint() == 0, "json zeros");
  expect(n[2].as_double() == 1500.0, "json double");
  expect(n[3].as_int() == INT64_MIN && n[4].as_uint() == UINT64_MAX, "json extremes");
  expect(root.at("t").as_bool() && root.at("z").is_null(), "json literals");
  expect(root.at("o").at("__proto__").as_int() == 1, "json __proto__ is a key");
  expect(root.size() == 5 && root.members()[1].first == "n", "json members in order");
  expect(root.int_or("absent", 7) == 7 && root.at("o").int_or("__proto__", 7) == 1, "json or");
  parse_json(nested(64), "document");
}

void names_what_is_wrong() {
  const auto doc =
      parse_json("{\"layers\":\"many\",\"list\":[1,1.5,-1,9223372036854775808]}", "graph");
  const auto root = doc.root();
  const auto list = root.at("list").elements();
  expect_code("invalid_file", "\"layers\": expected a number", "json kind",
              [&] { root.at("layers").as_int(); });
  expect_code("invalid_file", "\"heads\"", "json absent key", [&] { root.at("heads"); });
  expect_code("invalid_file", "64 bits", "json fraction", [&] { list[1].as_int(); });
  expect_code("invalid_file", "non-negative", "json negative", [&] { list[2].as_uint(); });
  expect_code("invalid_file", "64 bits", "json too large", [&] { list[3].as_int(); });
  expect_code("invalid_file", "an object", "json member of array",
              [&] { root.at("list").at("x"); });
  expect_code("invalid_file", "an array or an object", "json iterate",
              [&] { root.at("layers").size(); });
}

}  // namespace

void json_tests() {
  refuses();
  reads_values();
  names_what_is_wrong();
}

}  // namespace conclave::test

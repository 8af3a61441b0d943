// Keys and values: every type is read, and every row of hostile values is refused.
#include "allocations.h"
#include "expect.h"
#include "files.h"
#include "gguf_writer.h"

namespace conclave::test {
namespace {

constexpr uint64_t kHuge[] = {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63,
                              ~uint64_t{0}};

std::string file_with(std::vector<std::string> keys) {
  GgufSpec spec;
  spec.keys = std::move(keys);
  return spec.file();
}

io::GgufValue value_of(const std::string& file, size_t index = 0) {
  static const std::string kName = "model.gguf";
  const io::GgufHeader header = parse(file);
  return io::read_gguf_value(as_bytes(file), header.keys[index], kName);
}

std::vector<double> numbers(const io::GgufValue& value) {
  std::vector<double> out;
  value.for_each_number([&](double x) { out.push_back(x); });
  return out;
}

void reads() {
  const std::pair<uint32_t, std::string> scalars[] = {{0, raw(uint8_t{200})},
                                                      {1, raw(int8_t{-100})},
                                                      {2, raw(uint16_t{60000})},
                                                      {3, raw(int16_t{-30000})},
                                                      {4, raw(uint32_t{1} << 31)},
                                                      {5, raw(int32_t{-5})},
                                                      {6, raw(1.5f)},
                                                      {7, raw(uint8_t{1})},
                                                      {10, raw(uint64_t{1} << 50)},
                                                      {11, raw(-(int64_t{1} << 50))},
                                                      {12, raw(-0.25)}};
  const double expected[] = {
      200,  -100, 60000, -30000, 2147483648.0, -5, 1.5, 1, 1125899906842624.0, -1125899906842624.0,
      -0.25};
  for (size_t i = 0; i < std::size(scalars); i++) {
    const auto& [type, bytes] = scalars[i];
    const std::string file = file_with({key("k", type, bytes)});
    const io::GgufValue value = value_of(file);
    expect(value.key == "k" && numbers(value) == std::vector{expected[i]},
           "value type " + std::to_string(type));
    const std::string list = file_with({key("k", 9, array(type, 3, bytes + bytes + bytes))});
    expect(numbers(value_of(list)) == std::vector<double>(3, expected[i]),
           "array of type " + std::to_string(type));
  }
  const std::string file = file_with({key("first", 4, raw(7u)),
                                      key("k", 9, array(8, 3, text("a") + text("") + text("bcd"))),
                                      key("empty", 9, array(8, 0, ""))});
  std::string joined;
  value_of(file, 1).for_each_string([&](std::string_view s) { joined += std::string(s) + "|"; });
  expect(joined == "a||bcd|", "array of strings");
  expect(value_of(file, 2).count == 0, "empty array");
  expect(std::string(io::gguf_type_name(io::GgufType::f64)) == "f64", "names of types");
}

void refuses(const std::string& part, const std::string& what, const std::string& file) {
  reset_peak();
  const size_t before = live_bytes();
  expect_code("invalid_file", part, what, [&] { parse(file); });
  expect(peak_bytes() - before <= 2 * file.size() + (1 << 20), what + ": bounded memory");
}

void hostile() {
  for (const uint64_t n : kHuge) {
    const std::string length = std::to_string(n);
    refuses("a key takes", "GG-2 key of " + length, file_with({raw(n) + "k" + raw(4u) + raw(7u)}));
    refuses("a string takes", "GG-2 string of " + length,
            file_with({text("k") + raw(8u) + raw(n) + "x"}));
    refuses("", "GG-2 array of " + length, file_with({key("k", 9, array(4, n, raw(7u)))}));
    refuses("claims", "GG-2 strings " + length, file_with({key("k", 9, array(8, n, text("x")))}));
    refuses("", "GG-2 f64 " + length, file_with({key("k", 9, array(12, n, raw(1.0)))}));
  }
  const std::string rest = file_with({key("k", 9, array(0, 0, ""))});
  std::string more = rest;
  const uint64_t left = rest.size() - 24 - 9 - 4 - 12;
  more.replace(24 + 9 + 4 + 4, 8, raw(left + 1));
  refuses("a value takes", "GG-2 one byte more than is left", more);
  more = file_with({key("k", 8, text(""))});
  more.replace(24 + 9 + 4, 8, raw<uint64_t>(more.size() - 24 - 9 - 4 - 8 + 1));
  refuses("a string takes", "GG-2 a string of one byte more than is left", more);
  for (const uint32_t type : {13u, 99u, 0x80000000u, ~0u}) {
    refuses("does not exist", "GG-3 value type " + std::to_string(type),
            file_with({key("k", type, raw(7u))}));
    refuses("does not exist", "GG-3 element type " + std::to_string(type),
            file_with({key("k", 9, array(type, 1, raw(7u)))}));
  }
  for (const int depth : {1, 2, 8, 10'000}) {
    std::string nested = array(4, 1, raw(7u));
    for (int i = 0; i < depth; i++) nested = array(9, 1, "") + nested;
    refuses("array of arrays", "GG-3 nested " + std::to_string(depth),
            file_with({key("k", 9, nested)}));
  }
  refuses("neither 0 nor 1", "boolean 2", file_with({key("k", 7, raw(uint8_t{2}))}));
  refuses("neither 0 nor 1", "boolean 255 in an array",
          file_with({key("k", 9, array(7, 2, "\x01\xff"))}));
  refuses("no usable length", "empty key", file_with({key("", 4, raw(7u))}));
  refuses("no usable length", "key of 65,536",
          file_with({key(std::string(65'536, 'k'), 4, raw(7u))}));
  expect_code("invalid_config", "stands twice", "GG-8 a key twice", [] {
    parse(file_with({key("k", 4, raw(7u)), key("l", 4, raw(7u)), key("k", 5, raw(7u))}));
  });
}

void memory() {
  std::string tokens;
  for (int i = 0; i < 250'000; i++) tokens += text("token" + std::to_string(i));
  const std::string file = file_with({key("tokenizer.ggml.tokens", 9, array(8, 250'000, tokens))});
  reset_peak();
  const size_t before = live_bytes();
  const io::GgufHeader header = parse(file);
  expect(peak_bytes() - before < 4096, "P-5: 250,000 tokens stay in the file");
  std::vector<std::string> keys;
  for (int i = 0; i < 65'536; i++) keys.push_back(key(raw(static_cast<uint16_t>(i)), 0, "\x07"));
  const std::string many = file_with(keys);
  reset_peak();
  const size_t live = live_bytes();
  parse(many);
  expect(peak_bytes() - live <= 2 * many.size() + (1 << 20), "P-5: 65,536 keys");
}

void failing_allocations() {
  const std::string file = file_with({key("k", 9, array(8, 1, text("x"))), key("l", 4, raw(7u))});
  for (long k = 0; k < 100; k++) {
    bool failed = false;
    fail_allocation(k);
    try {
      parse(file);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    fail_allocation(-1);
    if (!failed) return expect(k > 3, "every allocation may fail");
  }
  expect(false, "every allocation may fail");
}

}  // namespace

void gguf_metadata_tests() {
  reads();
  hostile();
  memory();
  failing_allocations();
}

}  // namespace conclave::test

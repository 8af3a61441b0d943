#include "io/safetensors.h"

#include <cstring>
#include <ctime>
#include <new>

#include "allocations.h"
#include "expect.h"
#include "files.h"

namespace conclave::test {
namespace {

using io::parse_safetensors_header;
using io::SafetensorsFile;

io::SafetensorsHeader parse(const std::string& bytes) {
  return parse_safetensors_header(std::as_bytes(std::span(bytes)), bytes.size(), "x.safetensors");
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"a\":" + tensor(dtype, shape, offsets) + "}";
}

struct BadFile {
  const char* row;
  std::string bytes;
  const char* part;
  const char* code = "invalid_file";
};

void refuses_lengths() {
  const std::string whole = safetensors(one("U8", "[4]", "[0,4]"), 4);
  for (size_t n = 0; n < 8; n++) {
    expect_code("invalid_file", "bytes", "ST-1 of " + std::to_string(n) + " bytes",
                [&] { parse(whole.substr(0, n)); });
  }
  for (uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{1'000}, uint64_t{100'000'001},
                     uint64_t{1} << 63, ~uint64_t{0}}) {
    expect_code("invalid_file", "", "ST-1 header length " + std::to_string(n),
                [&] { parse(length_prefix(n) + whole.substr(8)); });
  }
  for (size_t n = 8; n < whole.size(); n++) {
    expect_code("invalid_file", "", "ST-2 cut at " + std::to_string(n),
                [&] { parse(whole.substr(0, n)); });
  }
}

void refuses_headers() {
  const std::string ok = tensor("U8", "[4]", "[0,4]");
  const std::string deep = "{\"a\":" + std::string(9, '[') + std::string(9, ']') + "}";
  const BadFile cases[] = {
      {"ST-2 space first", safetensors(" {}", 0), "'{' at byte 8"},
      {"ST-2 array", safetensors("[]", 0), "'{' at byte 8"},
      {"ST-2 BOM", safetensors("\xef\xbb\xbf{}", 0), "'{' at byte 8"},
      {"ST-2 not UTF-8", safetensors("{\"\xff\":" + ok + "}", 4), "at byte 10"},
      {"ST-2 newline after", safetensors("{}\n", 0), "only spaces"},
      {"ST-2 NUL after", safetensors(std::string("{}\0", 3), 0), "only spaces"},
      {"ST-2 second object", safetensors("{}{}", 0), "only spaces"},
      {"ST-2 depth", safetensors(deep, 0), "expected '{'"},
      {"ST-2 depth of an unknown key", safetensors("{\"a\":{\"b\":" + deep + "}}", 0), "deeper"},
      {"ST-2 bomb", safetensors("{\"a\":{\"b\":" + std::string(1'000'000, '['), 0), "deeper"},
      {"ST-3 duplicate", safetensors("{\"a\":" + ok + ",\"a\":" + ok + "}", 4), "appears twice"},
      {"ST-3 duplicate by escape",
       safetensors("{\"a\":" + ok + ",\"\\u0061\":" + tensor("U8", "[0]", "[4,4]") + "}", 4),
       "appears twice"},
      {"ST-3 metadata number", safetensors("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__"},
      {"ST-3 metadata object", safetensors("{\"__metadata__\":{\"a\":{}}}", 0), "__metadata__"},
      {"ST-3 metadata array", safetensors("{\"__metadata__\":[]}", 0), "expected '{'"},
      {"ST-3 metadata twice", safetensors("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "twice"},
      {"ST-4 unknown dtype", safetensors(one("F128", "[1]", "[0,16]"), 16), "unknown dtype"},
      {"ST-4 lower case", safetensors(one("f32", "[1]", "[0,4]"), 4), "unknown dtype"},
      {"ST-4 too few bytes", safetensors(one("F32", "[2]", "[0,4]"), 4), "need 8"},
      {"ST-4 too many bytes", safetensors(one("F16", "[1]", "[0,4]"), 4), "need 2"},
      {"ST-4 half a byte", safetensors(one("F4", "[3]", "[0,2]"), 2), "last byte"},
      {"ST-4 F4", safetensors(one("F4", "[4]", "[0,2]"), 2), "F4", "unsupported_format"},
      {"ST-4 U64", safetensors(one("U64", "[1]", "[0,8]"), 8), "U64", "unsupported_format"},
      {"ST-5 wraps to 4", safetensors(one("U8", "[4194305,4194305,211106198978564]", "[0,4]"), 4),
       "64 bits"},
      {"ST-5 overflow", safetensors(one("F64", "[9007199254740992,4096]", "[0,0]"), 0), "64 bits"},
      {"ST-5 negative", safetensors(one("U8", "[-1]", "[0,4]"), 4), "integer"},
      {"ST-5 fraction", safetensors(one("U8", "[1.5]", "[0,4]"), 4), "integer"},
      {"ST-5 exponent", safetensors(one("U8", "[4e0]", "[0,4]"), 4), "integer"},
      {"ST-5 1e309", safetensors(one("U8", "[1e309]", "[0,4]"), 4), "double"},
      {"ST-5 2^53+1", safetensors(one("U8", "[9007199254740993]", "[0,4]"), 4), "integer"},
      {"ST-5 string", safetensors(one("U8", "[\"3\"]", "[0,4]"), 4), "number"},
      {"ST-5 null", safetensors(one("U8", "null", "[0,4]"), 4), "shape"},
      {"ST-5 rank 9", safetensors(one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), "8 dimensions"},
      {"ST-6 begin > end", safetensors(one("U8", "[4]", "[4,0]"), 4), "ends before"},
      {"ST-6 beyond the file", safetensors(one("U8", "[5]", "[0,5]"), 4), "cut"},
      {"ST-6 offset 2^63", safetensors(one("U8", "[0]", "[9223372036854775808,0]"), 4), "integer"},
      {"ST-6 negative offset", safetensors(one("U8", "[0]", "[-1,0]"), 4), "integer"},
      {"ST-6 three offsets", safetensors(one("U8", "[4]", "[0,4,4]"), 4), "']'"},
      {"ST-6 one offset", safetensors(one("U8", "[4]", "[4]"), 4), "','"},
      {"ST-6 overlap",
       safetensors("{\"a\":" + ok + ",\"b\":" + tensor("U8", "[4]", "[2,6]") + "}", 6), "overlaps"},
      {"ST-6 same place", safetensors("{\"a\":" + ok + ",\"b\":" + ok + "}", 4), "overlaps"},
      {"ST-6 hole", safetensors("{\"a\":" + ok + ",\"b\":" + tensor("U8", "[1]", "[5,6]") + "}", 6),
       "hole"},
      {"ST-6 hole at the start", safetensors(one("U8", "[3]", "[1,4]"), 4), "hole"},
      {"ST-6 bytes after", safetensors(one("U8", "[4]", "[0,4]"), 5), "follow the last tensor"},
      {"ST-6 bytes without tensors", safetensors("{}", 1), "follow the last tensor"},
      {"ST-7 zero-size inside another",
       safetensors("{\"a\":" + ok + ",\"z\":" + tensor("U8", "[0]", "[2,2]") + "}", 4), "overlaps"},
      {"ST-9 name of 1,025 bytes",
       safetensors("{\"" + std::string(1025, 'n') + "\":" + ok + "}", 4), "1 KiB"},
      {"ST-9 name of 1 MB", safetensors("{\"" + std::string(1 << 20, 'n') + "\":" + ok + "}", 4),
       "1 KiB"},
      {"keys absent", safetensors("{\"a\":{\"dtype\":\"U8\"}}", 0), "expected dtype, shape"},
      {"empty tensor", safetensors("{\"a\":{}}", 0), "as a key"},
      {"unknown key", safetensors("{\"a\":{\"dtype\":\"U8\",\"x\":1}}", 0), "expected only"},
      {"key twice", safetensors("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0), "twice"},
      {"CF-9 zip", std::string("PK\x03\x04\x14\x00\x00\x00\x08\x00{}", 12), "zip",
       "unsupported_format"},
      {"CF-9 pickle", std::string("\x80\x02}q\x00X\x05\x00\x00\x00", 10), "pickle",
       "unsupported_format"},
      {"CF-9 gguf", std::string("GGUF\x03\x00\x00\x00\x01\x00", 10), "GGUF", "unsupported_format"},
  };
  for (const BadFile& c : cases) expect_code(c.code, c.part, c.row, [&] { parse(c.bytes); });
}

void reads_good_files() {
  const auto header = parse(safetensors(
      "{\"__metadata__\":{\"format\":\"pt\"},\"s\":" + tensor("F32", "[]", "[1,5]") + ",\"b\":" +
          tensor("BOOL", "[1]", "[0,1]") + ",\"m\":" + tensor("BF16", "[2,3]", "[5,17]") +
          ",\"r8\":" + tensor("I8", "[1,1,1,1,1,1,1,2]", "[17,19]") + "}   ",
      19));
  expect(header.tensors.size() == 4 && header.metadata == "{\"format\":\"pt\"}", "reads all");
  const auto* scalar = header.find("s");
  expect(scalar != nullptr && scalar->dims.empty() && scalar->bytes() == 4, "ST-5 scalar");
  expect(header.find("m")->shape() == Shape({2, 3}), "reads shape");
  expect(header.find("r8")->dims.size() == 8, "ST-5 rank 8");
  expect_code("unsupported_model", "4 dimensions", "rank 8 as Shape",
              [&] { (void)header.find("r8")->shape(); });
  expect(header.find("__metadata__") == nullptr && header.find("t") == nullptr, "find");
  expect(parse(safetensors("{}", 0)).tensors.empty(), "no tensors");

  const std::string ok = tensor("U8", "[1]", "[0,1]");
  for (const std::string name :
       {"__proto__", "constructor", "a\\u0000b", "a\\nb", "\\ud83d\\ude42"}) {
    expect(parse(safetensors("{\"" + name + "\":" + ok + "}", 1)).tensors.size() == 1,
           "ST-9 name " + name);
  }
  const auto named = parse(safetensors("{\"a\\u0000\\u00e9\":" + ok + "}", 1));
  expect(named.tensors[0].name == std::string_view("a\0\xc3\xa9", 4), "ST-9 decoded name");
  expect(
      parse(safetensors("{\"" + std::string(1024, 'n') + "\":" + ok + "}", 1)).tensors.size() == 1,
      "ST-9 name of 1,024 bytes");
}

void maps_data() {
  const TemporaryFolder folder;
  // The header length makes data begin at an odd byte.
  std::string header = "{\"z\":" + tensor("F32", "[0,7]", "[4,4]") +
                       ",\"a\":" + tensor("F32", "[1]", "[0,4]") +
                       ",\"b\":" + tensor("U8", "[3]", "[4,7]") + "}";
  if (header.size() % 2 == 0) header += ' ';
  const SafetensorsFile file(folder.write("x.safetensors", safetensors(header, 7)));
  const auto* a = file.find("a");
  expect(a != nullptr && !a->aligned, "ST-8 says unaligned");
  unsigned char bytes[4];
  std::memcpy(bytes, file.data(*a), 4);
  expect(bytes[0] == 0 && bytes[3] == 3, "ST-8 bytes");
  const auto* z = file.find("z");
  expect(z->aligned || z->bytes() == 0, "ST-7 loads");
  expect(file.data(*z) != nullptr && file.data(*z) != file.data(*file.find("b")), "ST-7 no alias");
  expect_code("invalid_file", "0 bytes", "ST-1 empty file",
              [&] { SafetensorsFile(folder.write("e.safetensors", "")); });
}

// Allocation number k fails, for every k: a std::bad_alloc each time, and nothing stays behind.
void survives_failing_allocations() {
  const std::string bytes =
      safetensors("{\"__metadata__\":{\"k\":\"" + std::string(100, 'v') + "\"},\"" +
                      std::string(40, 'n') + "\":" + tensor("U8", "[2,2]", "[0,4]") + "}",
                  4);
  const TemporaryFolder folder;
  const std::string path = folder.write("x.safetensors", bytes);
  long k = 0;
  for (bool failed = true; failed; k++) {
    const size_t before = live_bytes();
    failed = false;
    fail_allocation(k);
    try {
      SafetensorsFile file(path);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    fail_allocation(-1);
    const size_t after = live_bytes();
    expect(after == before, "nothing leaks when allocation " + std::to_string(k) + " fails");
  }
  expect(k > 5, "allocations were made to fail");
}

// A header of `count` tensors of four bytes, padded to 99 MB, and the file's data.
std::string many(int count) {
  std::string header = "{";
  for (int i = 0; i < count; i++) {
    char entry[160];
    std::snprintf(entry, sizeof(entry),
                  "%s\"model.layers.%07d.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],"
                  "\"data_offsets\":[%d,%d]}",
                  i ? "," : "", i, i * 4, i * 4 + 4);
    header += entry;
  }
  header += std::string(99'000'000 - header.size() - 1, ' ');
  header.insert(header.find_last_not_of(' ') + 1, "}");
  std::string bytes = length_prefix(header.size()) + header;
  bytes.resize(bytes.size() + 4 * static_cast<size_t>(count));
  return bytes;
}

void reads_many_tensors() {
  if (g_small) return;
  const std::string bytes = many(131'072);
  reset_peak();
  const size_t before = live_bytes();
  // Processor time: what else the machine does is not the reader's.
  const std::clock_t start = std::clock();
  const auto parsed = parse(bytes);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  const double mib = static_cast<double>(peak_bytes() - before) / (1 << 20);
  std::printf("ST-10: 131,072 tensors in %.2f s, %.0f MiB allocated at the peak\n", seconds, mib);
  expect(parsed.tensors.size() == 131'072, "ST-10 all tensors");
  expect(seconds < 5, "ST-10 within 5 s");
  expect(mib < 2.0 * 99'000'000 / (1 << 20) + 1, "P-5 at most twice the header and 1 MiB");
  expect(parsed.find("model.layers.0131071.weight")->begin == bytes.size() - 4, "ST-10 find");
}

void refuses_a_million_tensors() {
  const std::string bytes = many(1'000'000);
  reset_peak();
  const size_t before = live_bytes();
  expect_code("invalid_file", "131,072", "ST-10 a million", [&] { parse(bytes); });
  expect(peak_bytes() - before < (1 << 20), "ST-10 nothing allocated by their number");
}

}  // namespace

void safetensors_tests() {
  refuses_lengths();
  refuses_headers();
  reads_good_files();
  maps_data();
  survives_failing_allocations();
  reads_many_tensors();
  refuses_a_million_tensors();
}

}  // namespace conclave::test

// Tensors: what is read, and every row of hostile headers that names a size or a place.
#include "allocations.h"
#include "expect.h"
#include "files.h"
#include "gguf_writer.h"
#include "io/weight_store.h"

namespace conclave::test {
namespace {

constexpr uint64_t kHuge[] = {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63,
                              ~uint64_t{0}};

void refuses(const std::string& code, const std::string& part, const std::string& what,
             const std::string& file) {
  reset_peak();
  const size_t before = live_bytes();
  expect_code(code, part, what, [&] { parse(file); });
  expect(peak_bytes() - before <= 2 * file.size() + (1 << 20), what + ": bounded memory");
}

void refuses(const std::string& part, const std::string& what, const GgufSpec& spec) {
  refuses("invalid_file", part, what, spec.file());
}

void reads() {
  GgufSpec spec;
  spec.tensors = {
      {"a", {32, 2}, 0, 0}, {"b", {256}, 14, 256}, {"c", {32, 3, 2}, 8, 480}, {"d", {3}, 30, 704}};
  spec.data_bytes = 704 + 6;
  for (const uint32_t version : {2u, 3u}) {
    spec.version = version;
    const std::string file = spec.file();
    const io::GgufHeader header = parse(file);
    const uint64_t data = file.size() - 710;
    expect(header.tensors.size() == 4 && header.version == version, "four tensors");
    const io::TensorEntry& c = header.tensors[2];
    expect(c.name == "c" && c.dims.size() == 3 && c.dims[0] == 2 && c.dims[2] == 32,
           "outermost dimension first");
    expect(c.dtype == DType::q8_0 && c.begin == data + 480 && c.bytes() == 6 * 34,
           "place of blocks");
    expect(header.tensors[3].bytes() == 6 && header.tensors[3].end == file.size(),
           "no padding at the end is fine");
  }
  spec.data_bytes = 704 + 32;
  expect(parse(spec.file()).tensors.size() == 4, "padding at the end is fine");
  GgufSpec empty;
  empty.tensors.clear();
  empty.data_bytes = 0;
  expect(parse(empty.file()).tensors.empty(), "no tensors");
}

void versions() {
  GgufSpec spec;
  for (const std::string magic : {"GGML", "FUGG", "gguf", "PK\x03\x04"}) {
    spec.magic = magic;
    refuses("unsupported_format", "begin with GGUF", "GG-1 magic " + magic, spec.file());
  }
  spec.magic = "GGUF";
  for (const uint32_t version : {0u, 1u, 4u, 99u, 0xffffffffu}) {
    spec.version = version;
    refuses("unsupported_format", version == 0 ? "big-endian" : "version", "GG-1 version",
            spec.file());
  }
  for (const uint32_t version : {0x02000000u, 0x03000000u}) {
    spec.version = version;
    refuses("unsupported_format", "big-endian", "GG-1 big-endian", spec.file());
  }
  const std::string whole = GgufSpec{}.file();
  for (size_t n = 4; n < 24; n++)
    refuses("invalid_file", "", "GG-1 cut header", whole.substr(0, n));
  for (size_t n = 24; n < whole.size(); n++) {
    expect_code("invalid_file", "", "cut at " + std::to_string(n),
                [&] { parse(whole.substr(0, n)); });
  }
}

void counts() {
  for (const uint64_t n : kHuge) {
    GgufSpec spec;
    const std::string what = "GG-2 count " + std::to_string(n);
    std::string file = spec.file();
    file.replace(8, 8, raw(n));
    refuses("invalid_file", "claims", what + " of tensors", file);
    file = spec.file();
    file.replace(16, 8, raw(n));
    refuses("invalid_file", "claims", what + " of keys", file);
    file = spec.file();
    file.replace(24, 8, raw(n));
    refuses("invalid_file", "a tensor name takes", what + " of characters", file);
  }
  GgufSpec one_more;
  one_more.num_tensors = 2;
  refuses("", "GG-2 one tensor more", one_more);
  one_more.num_tensors = -1;
  one_more.num_keys = 1;
  refuses("", "GG-2 one key more", one_more);
  GgufSpec many;
  many.tensors.clear();
  many.num_tensors = 131'073;
  many.data_bytes = 131'073 * 40;
  refuses("at most 131072", "GG-2 cap of tensors", many);
  many.num_tensors = 0;
  many.num_keys = 65'537;
  refuses("at most 65536", "GG-2 cap of keys", many);
}

void dimensions() {
  const auto with = [](std::vector<uint64_t> dims) {
    GgufSpec spec;
    spec.tensors[0].dims = std::move(dims);
    return spec;
  };
  refuses("0 dimensions", "GG-4 rank 0", with({}));
  refuses("5 dimensions", "GG-4 rank 5", with({1, 1, 1, 1, 1}));
  refuses("9 dimensions", "GG-4 rank 9", with(std::vector<uint64_t>(9, 1)));
  std::string file = GgufSpec{}.file();
  file.replace(24 + 8 + 1, 4, raw(~uint32_t{0}));
  refuses("invalid_file", "4294967295 dimensions", "GG-4 rank 2^32-1", file);
  refuses("dimension of 0", "GG-4 a zero", with({32, 0}));
  refuses("dimension of 0", "GG-4 innermost zero", with({0, 2}));
  refuses("dimension of 18446744073709551615", "GG-4 minus one", with({~uint64_t{0}}));
  refuses("dimension of 4611686018427387904", "GG-4 2^62", with({uint64_t{1} << 62}));
  refuses("dimension of 4611686018427387903", "GG-5 2^62-1", with({(uint64_t{1} << 62) - 1}));
  const uint64_t big = uint64_t{1} << 40;
  refuses("product", "GG-5 product wraps", with({big, big}));
  refuses("product", "GG-5 product wraps to 4", with({4194305, 4194305, 211106198978564}));
  GgufSpec end = with({uint64_t{1} << 53, 512});
  end.tensors[0].dims = {(uint64_t{1} << 50), 4095};
  refuses("", "GG-5 almost 2^64", end);
  GgufSpec bytes = with({4, (uint64_t{1} << 31) - 1, (uint64_t{1} << 31) + 1});
  bytes.tensors[0].type = 24;  // i8
  refuses("", "GG-5 a size of 2^64-4, whose padding wraps", bytes);
}

void types() {
  GgufSpec spec;
  for (const uint32_t type : {4u, 5u, 31u, 41u, 255u, 0x80000000u, 0xffffffffu}) {
    spec.tensors[0].type = type;
    refuses("which does not exist", "GG-3 tensor type " + std::to_string(type), spec);
  }
  for (const auto& [type, name] :
       {std::pair{10u, "Q2_K"}, std::pair{23u, "IQ4_XS"}, std::pair{39u, "MXFP4"}}) {
    spec.tensors[0].type = type;
    refuses("unsupported_format", name, std::string("unread type ") + name, spec.file());
  }
  for (const auto& [type, row] :
       {std::pair{2u, 31u}, std::pair{8u, 33u}, std::pair{12u, 128u}, std::pair{14u, 257u}}) {
    spec.tensors[0].type = type;
    spec.tensors[0].dims = {row, 64};
    refuses("comes in blocks", "GG-7 row of " + std::to_string(row), spec);
  }
}

void places() {
  GgufSpec spec;
  const auto at = [&](uint64_t offset) {
    GgufSpec moved = spec;
    moved.tensors[0].offset = offset;
    return moved;
  };
  refuses("", "GG-6 unaligned", at(1));
  refuses("", "GG-6 a hole", at(32));
  refuses("", "GG-6 beyond the file", at(uint64_t{1} << 40));
  refuses("sum within 64 bits", "GG-6 offset and size wrap", at(~uint64_t{0} - 31));
  refuses("sum within 64 bits", "GG-6 offset and size wrap by one", at(~uint64_t{0} - 255));
  spec.data_bytes = 255;
  refuses("is cut", "GG-6 short by a byte", spec);
  spec.data_bytes = 256 + 1;
  refuses("follow the last tensor", "GG-6 a byte behind", spec);
  spec.data_bytes = 512;
  spec.tensors = {{"a", {32, 2}, 0, 0}, {"b", {32, 2}, 0, 0}};
  refuses("lies at 0", "GG-6 overlap", spec);
  spec.tensors[1].offset = 224;
  refuses("lies at 224", "GG-6 partial overlap", spec);
  spec.tensors[1] = {"a", {32, 2}, 0, 256};
  refuses("appears twice", "one name twice", spec);
  spec.tensors[1].name = "";
  refuses("no usable length", "empty name", spec);
  spec.tensors[1].name = std::string(1025, 'x');
  refuses("no usable length", "long name", spec);
  spec.tensors[1].name = std::string("__proto__\0\n", 11);
  expect(parse(spec.file()).tensors[1].name.size() == 11, "odd names are data");
}

void alignments() {
  for (const uint32_t alignment :
       {0u, 1u, 3u, 4u, 33u, uint32_t{1} << 21, uint32_t{1} << 31, ~0u}) {
    GgufSpec spec;
    spec.keys = {key("general.alignment", 4, raw(alignment))};
    refuses("power of two", "GG-5 alignment " + std::to_string(alignment), spec);
  }
  GgufSpec spec;
  spec.alignment = 4096;
  spec.keys = {key("general.alignment", 4, raw(uint32_t{4096}))};
  const std::string file = spec.file();
  expect(parse(file).tensors[0].begin == 4096, "alignment 4096");
  spec.keys = {key("general.alignment", 10, raw(uint64_t{32}))};
  refuses("invalid_config", "u64", "GG-8 alignment as u64", spec.file());
  spec.keys = {key("general.alignment", 8, text("32"))};
  refuses("invalid_config", "string", "GG-8 alignment as string", spec.file());
}

void many_tensors() {
  GgufSpec spec;
  spec.tensors.clear();
  for (uint64_t i = 0; i < 100'000; i++)
    spec.tensors.push_back(
        {raw(static_cast<uint16_t>(i)) + raw(static_cast<uint8_t>(i >> 16)), {1}, 0, i * 32});
  spec.data_bytes = 100'000 * 32;
  const std::string file = spec.file();
  const size_t header_bytes = spec.header().size();
  reset_peak();
  const size_t before = live_bytes();
  const io::GgufHeader header = parse(file);
  expect(header.tensors.size() == 100'000, "100,000 tensors");
  expect(peak_bytes() - before <= 2 * header_bytes + (1 << 20),
         "P-5: " + std::to_string(peak_bytes() - before) + " bytes for a header of " +
             std::to_string(header_bytes));
}

void stores() {
  const TemporaryFolder folder;
  const std::string gguf = folder.write("weights.safetensors", GgufSpec{}.file());
  const std::string other = folder.write(
      "b.gguf", safetensors("{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3));
  const io::WeightStore store({gguf, other});
  expect(store.num_tensors() == 2 && store.total_bytes() == 259, "formats by magic, not by name");
  expect(store.at("a").data()[255] == std::byte{255}, "data of a GGUF tensor");
  GgufSpec part;
  expect_code("invalid_file", "\"a\"", "GG-10 a tensor in two parts", [&] {
    io::WeightStore({gguf, folder.write("c.gguf", part.file())});
  });
  std::filesystem::resize_file(gguf, 40);
  expect_code("file_changed", "weights", "cut after it was opened",
              [&] { store.check_unchanged(); });
}

}  // namespace

void gguf_header_tests() {
  reads();
  versions();
  counts();
  dimensions();
  types();
  places();
  alignments();
  many_tensors();
  stores();
}

}  // namespace conclave::test

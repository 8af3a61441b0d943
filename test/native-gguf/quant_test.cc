// Block formats against the gguf Python package: fixtures/blocks.bin, written by make_blocks.py.
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include "expect.h"
#include "gguf_writer.h"
#include "quant/dequantise.h"
#include "quant/pack_q8_0.h"

namespace conclave::test {
namespace {

// name (8 bytes) | elements u32 | bytes u32 | stored bytes | f32 × elements
struct Record {
  std::string name;
  std::vector<std::byte> stored;
  std::vector<float> values;
};

std::vector<Record> read_records() {
  std::ifstream stream(CONCLAVE_FIXTURES "/blocks.bin", std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(stream)), {});
  std::vector<Record> records;
  for (size_t at = 0; at + 16 <= all.size();) {
    uint32_t sizes[2];
    std::memcpy(sizes, all.data() + at + 8, 8);
    Record r{std::string(all.data() + at, 8).c_str(), std::vector<std::byte>(sizes[1]),
             std::vector<float>(sizes[0])};
    std::memcpy(r.stored.data(), all.data() + at + 16, sizes[1]);
    std::memcpy(r.values.data(), all.data() + at + 16 + sizes[1], sizes[0] * 4);
    at += 16 + sizes[1] + sizes[0] * 4;
    records.push_back(std::move(r));
  }
  return records;
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void dequantises(const Record& r, DType type) {
  const DTypeBlock block = dtype_block(type);
  const int64_t n = static_cast<int64_t>(r.values.size());
  expect(static_cast<int64_t>(r.stored.size()) == n / block.elements * block.bytes,
         r.name + ": size of a block");
  std::vector<std::byte> shifted(r.stored.size() + 1);  // blocks may lie on any byte
  std::memcpy(shifted.data() + 1, r.stored.data(), r.stored.size());
  std::vector<float> y(r.values.size(), -1);
  quant::dequantise_row(y.data(), shifted.data() + 1, n, type);
  int64_t wrong = 0;
  for (size_t i = 0; i < y.size(); i++) wrong += !same_bits(y[i], r.values[i]);
  expect(wrong == 0,
         r.name + ": " + std::to_string(wrong) + " of " + std::to_string(n) + " values differ");
}

// Adding half of a unit in the last place and cutting, with the tie looked at, in f64.
void rounds_to_f16() {
  int64_t wrong = 0;
  for (uint32_t h = 0; h < 0x7c00; h++) {
    const float x = f16_to_f32(static_cast<uint16_t>(h));
    const float next = h + 1 < 0x7c00 ? f16_to_f32(static_cast<uint16_t>(h + 1)) : 65536.0f;
    const float middle = static_cast<float>((static_cast<double>(x) + next) / 2);
    const uint16_t even = static_cast<uint16_t>(h + (h & 1));
    wrong += f32_to_f16(x) != h || f32_to_f16(-x) != (h | 0x8000u);
    wrong += f32_to_f16(std::nextafter(middle, 0.0f)) != h;
    wrong += f32_to_f16(middle) != even;
    wrong += f32_to_f16(std::nextafter(middle, 1e9f)) != h + 1;
  }
  expect(wrong == 0, "f32 to f16: " + std::to_string(wrong) + " wrong roundings");
  expect((f32_to_f16(NAN) & 0x7fff) > 0x7c00 && f32_to_f16(INFINITY) == 0x7c00,
         "f16 of NaN and infinity");
}

}  // namespace

void quant_tests() {
  std::map<std::string, DType> types;
  for (int i = 0; i <= static_cast<int>(DType::q6_k); i++)
    types[dtype_name(static_cast<DType>(i))] = static_cast<DType>(i);
  const std::vector<Record> records = read_records();
  expect(records.size() == 12, "records in blocks.bin: " + std::to_string(records.size()));
  for (const Record& r : records) {
    if (r.name != "pack") {
      expect(quant::can_dequantise(types.at(r.name)), r.name + " is read");
      dequantises(r, types.at(r.name));
      continue;
    }
    std::vector<std::byte> packed(r.stored.size());
    quant::pack_q8_0(packed.data(), r.values.data(), static_cast<int64_t>(r.values.size()));
    expect(packed == r.stored, "q8_0 is packed as ggml packs it");
  }
  float y[32];
  expect_code("unsupported_format", "i32", "no weights as i32",
              [&] { quant::dequantise_row(y, nullptr, 0, DType::i32); });
  rounds_to_f16();
  const float odd[32] = {NAN, INFINITY, -INFINITY, 1e-45f};
  std::byte block[34];
  quant::pack_q8_0(block, odd, 32);
  expect(block[2] == std::byte{0}, "NaN is packed as 0");
}

}  // namespace conclave::test

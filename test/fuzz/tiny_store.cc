#include "tiny_store.h"

#include <sys/mman.h>
#include <unistd.h>

#include <random>

#include "claims.h"
#include "gguf_writer.h"

namespace conclave::test {
namespace {

constexpr int64_t kElements = 4096;

std::string seeded(int64_t bytes) {
  std::minstd_rand random(1);
  std::string data;
  for (int64_t i = 0; i < bytes; i++) data += static_cast<char>(random() >> 8);
  return data;
}

// In [least, least + 2): weights around 0 keep what a step computes finite.
std::string weights(DType dtype, int64_t count, float least = -1) {
  std::minstd_rand random(2);
  std::string data;
  for (int64_t i = 0; i < count; i++) {
    const float x = static_cast<float>(random() % 2001) / 1000.0f + least;
    if (dtype == DType::f32) data += raw(x);
    else data += raw(dtype == DType::f16 ? f32_to_f16(x) : f32_to_bf16(x));
  }
  return data;
}

std::string safetensors() {
  std::string header = "{", data;
  const auto add = [&](const std::string& name, const std::string& type, int64_t count,
                       const std::string& bytes) {
    header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"" + type +
              "\",\"shape\":[" + std::to_string(count) + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," + std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  };
  add("f32", "F32", kElements, weights(DType::f32, kElements));
  add("f16", "F16", kElements, weights(DType::f16, kElements));
  add("bf16", "BF16", kElements, weights(DType::bf16, kElements));
  add("u8", "U8", 1, "x");
  add("odd", "BF16", 1024, weights(DType::bf16, 1024));
  add("i8", "I8", 1024, seeded(1024));
  add("f8", "F8_E4M3", 1024, seeded(1024));
  add("s8", "F32", 8, weights(DType::f32, 8, 0.001f));
  header += "}";
  while (header.size() % 8 != 0) header += ' ';
  return raw<uint64_t>(header.size()) + header + data;
}

std::string gguf() {
  constexpr std::pair<uint32_t, DType> kTypes[] = {
      {2, DType::q4_0}, {3, DType::q4_1},  {6, DType::q5_0},  {7, DType::q5_1},
      {8, DType::q8_0}, {12, DType::q4_k}, {13, DType::q5_k}, {14, DType::q6_k}};
  GgufSpec spec;
  spec.tensors.clear();
  uint64_t at = 0;
  for (const auto& [number, dtype] : kTypes) {
    spec.tensors.push_back({dtype_name(dtype), {kElements}, number, at});
    const DTypeBlock block = dtype_block(dtype);
    at += static_cast<uint64_t>((kElements / block.elements * block.bytes + 31) / 32 * 32);
  }
  spec.data_bytes = 0;
  return spec.file() + seeded(static_cast<int64_t>(at));
}

// A file without a name; its path lives as long as the process.
std::string in_memory(const std::string& bytes) {
  const int fd = memfd_create("weights", MFD_CLOEXEC);
  const bool written = write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  claim(fd >= 0 && written, "a file in memory can be written");
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

std::shared_ptr<const io::WeightStore> tiny_store() {
  static const auto store = std::make_shared<const io::WeightStore>(
      std::vector<std::string>{in_memory(safetensors()), in_memory(gguf())});
  return store;
}

}  // namespace conclave::test

#pragma once
// Small files in a folder of their own, removed at the end.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace conclave::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("conclave-io-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + "-" +
             std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string at(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(at(name), std::ios::binary) << bytes;
    return at(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string length_prefix(uint64_t n) {
  std::string bytes;
  for (int i = 0; i < 8; i++) bytes += static_cast<char>(n >> (8 * i));
  return bytes;
}

// A safetensors file: header length, header, `data_bytes` bytes 0, 1, 2, …
inline std::string safetensors(const std::string& header, size_t data_bytes) {
  std::string bytes = length_prefix(header.size()) + header;
  for (size_t i = 0; i < data_bytes; i++) bytes += static_cast<char>(i);
  return bytes;
}

}  // namespace conclave::test

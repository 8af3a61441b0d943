#pragma once
// The CPU as the executor sees a device: its memory is the host's, its work is done at once.
#include <cstring>
#include <vector>

#include "cpu/aligned_bytes.h"
#include "cpu/stream.h"

namespace conclave::cpu {

class HostDevice : public Device {
 public:
  explicit HostDevice(CpuStream& stream) : stream_(stream) {}

  Stream& stream() override { return stream_; }
  const char* name() const override { return "cpu"; }
  bool reads_host_memory() const override { return true; }

  // The owner of a block lies in front of it.
  std::byte* allocate(int64_t bytes) override {
    AlignedBytes memory(bytes + kFront);
    std::byte* block = memory.data() + kFront;
    new (memory.data()) AlignedBytes(std::move(memory));
    return block;
  }
  void free(std::byte* memory) noexcept override {
    if (memory == nullptr) return;
    const AlignedBytes owner(std::move(*reinterpret_cast<AlignedBytes*>(memory - kFront)));
  }
  void write(void* to, const void* from, int64_t bytes) override { copy(to, from, bytes); }
  void read_rows(void* to, const void* from, int64_t bytes, int64_t pitch, int64_t rows) override {
    for (int64_t r = 0; r < rows; r++)
      copy(static_cast<char*>(to) + r * bytes, static_cast<const char*>(from) + r * pitch, bytes);
  }
  void copy(void* to, const void* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  const std::byte* fetch_rows(const void* from, int64_t bytes, int64_t pitch,
                              int64_t rows) override {
    fetched_.resize(static_cast<size_t>(bytes * rows));
    read_rows(fetched_.data(), from, bytes, pitch, rows);
    return fetched_.data();
  }
  void set_num_live(const int32_t*) override {}
  void run(const std::vector<int64_t>&, const std::function<void()>& work) override { work(); }

 private:
  static constexpr int64_t kFront = 64;
  static_assert(sizeof(AlignedBytes) <= kFront);
  CpuStream& stream_;
  std::vector<std::byte> fetched_;
};

}  // namespace conclave::cpu

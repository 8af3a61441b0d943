#pragma once
// Owned memory on a 64-byte boundary. Large blocks come zeroed and untouched from the system: pages
// cost nothing until used, and are large ones where the system has them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "core/error.h"
#include "cpu/os.h"

namespace conclave::cpu {

class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(int64_t bytes) : size_(bytes) {
    if (bytes == 0) return;
    // calloc maps fresh zero pages for large blocks; the start is moved up to the boundary by hand.
    raw_ = std::calloc(static_cast<size_t>(bytes) + kAlign, 1);
    if (raw_ == nullptr) {
      throw Error("insufficient_memory", "Expected " + std::to_string(bytes) +
                                             " bytes of free memory, but the system gave none.");
    }
    const uintptr_t at = (reinterpret_cast<uintptr_t>(raw_) + kAlign - 1) / kAlign * kAlign;
    data_ = reinterpret_cast<std::byte*>(at);
    if (bytes >= kLargeBytes) prefer_large_pages(data_, bytes);
  }
  ~AlignedBytes() { std::free(raw_); }
  AlignedBytes(AlignedBytes&& other) noexcept { swap(other); }
  AlignedBytes& operator=(AlignedBytes&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  std::byte* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  static constexpr size_t kAlign = 64;
  // A block that is touched here and there would take a large page for each place: small ones keep
  // small pages.
  static constexpr int64_t kLargeBytes = 4 << 20;
  void swap(AlignedBytes& other) noexcept {
    std::swap(raw_, other.raw_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  void* raw_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace conclave::cpu

#pragma once
// The only way to the bytes of a GGUF file: every read is checked against what is left.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace conclave::io {

class GgufCursor {
 public:
  // `what` names the file in errors and outlives the cursor.
  GgufCursor(std::span<const std::byte> bytes, const std::string& what, uint64_t at = 0)
      : bytes_(bytes), what_(what), at_(at) {}

  uint64_t offset() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  // `part` says what the bytes should have been: "a key", "the type of a value".
  std::span<const std::byte> take(uint64_t count, std::string_view part) {
    if (count > left()) {
      refuse(std::string(part) + " takes " + std::to_string(count) + " bytes and " +
             std::to_string(left()) + " of " + std::to_string(bytes_.size()) + " are left");
    }
    const auto taken = bytes_.subspan(static_cast<size_t>(at_), static_cast<size_t>(count));
    at_ += count;
    return taken;
  }

  template <class T>
  T number(std::string_view part) {
    static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies");
    T value;
    std::memcpy(&value, take(sizeof(T), part).data(), sizeof(T));
    return value;
  }

  // u64 length, then the characters.
  std::string_view string(std::string_view part) {
    const uint64_t length = number<uint64_t>(part);
    const auto text = take(length, part);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  [[noreturn]] void refuse(const std::string& sentence) const {
    throw Error("invalid_file", "Expected " + what_ + " to be a GGUF file, but at byte " +
                                    std::to_string(at_) + ": " + sentence + ".");
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& what_;
  uint64_t at_;
};

}  // namespace conclave::io

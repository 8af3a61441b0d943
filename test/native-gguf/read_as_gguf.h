#pragma once
#include <cstddef>
#include <cstdint>

namespace conclave::test {

// Reads the bytes as a GGUF file: header, every value, the place of every tensor. Returns whether
// the reader took them; anything but an Error from it is a fault.
bool read_as_gguf(const uint8_t* bytes, size_t size);

}  // namespace conclave::test

#pragma once
// Mutations that keep JSON mostly JSON: numbers, strings and whole elements are exchanged.
#include <cstddef>
#include <cstdint>
#include <string>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace conclave::test {

// At most max_size bytes.
std::string mutate_json(const std::string& text, size_t max_size, unsigned seed);

}  // namespace conclave::test

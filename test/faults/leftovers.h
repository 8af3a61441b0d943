#pragma once
// What a process holds beside its heap, read without allocating.
#include <string>

namespace conclave::test {

struct Leftovers {
  int descriptors = 0, threads = 0, mapped_weights = 0;
  int64_t blocks = 0;
  bool operator==(const Leftovers&) const = default;
};

// mapped_weights counts the mappings of *.safetensors.
Leftovers leftovers();

// Empty where both are equal; a thread that was just joined may take a moment to leave.
std::string difference(const Leftovers& before);

}  // namespace conclave::test

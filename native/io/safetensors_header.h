#pragma once
// The two halves of reading a safetensors header: its JSON here, the rules on the whole in
// safetensors.cc.
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace conclave::io {

constexpr uint64_t kLengthBytes = 8;  // the header length before the JSON

// Throws `invalid_file`: "Expected <what> to be a safetensors file, but <sentence>."
[[noreturn]] void refuse_safetensors(const std::string& what, const std::string& sentence);

// A tensor for an error message.
std::string shown_tensor(std::string_view name);

// Reads the JSON and checks each tensor by itself; `by_name` stays empty.
SafetensorsHeader read_safetensors_json(std::string_view text, const std::string& what);

}  // namespace conclave::io

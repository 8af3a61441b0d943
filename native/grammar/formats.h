#pragma once
// `format` of JSON Schema as regular expressions. Each is at most as wide as the format: dates know
// the length of a month, and 29 February is left out.
#include <string_view>

namespace conclave::grammar {

// The pattern of the whole text; empty for a format that is not known.
std::string_view format_pattern(std::string_view name);

}  // namespace conclave::grammar

#pragma once
// Keys and values of a GGUF header.
#include "io/gguf.h"
#include "io/gguf_cursor.h"

namespace conclave::io {

// Reads a value type. Unknown: `invalid_file`.
GgufType read_gguf_type(GgufCursor& cursor);

// Reads one value of that type and checks every byte of it. An array of arrays is refused, so that
// depth is bounded by the format.
GgufValue read_gguf_elements(GgufCursor& cursor, GgufType type);

}  // namespace conclave::io

#pragma once
// What is asked of the operating system: os_linux.cc, os_other.cc.

#include <cstdint>

namespace conclave::cpu {

// Asks for large pages where [data, data + bytes) holds whole ones; the ends of the range keep
// small pages, so that no more memory is taken than the range has. A wish: a system without them
// ignores it.
void prefer_large_pages(void* data, int64_t bytes);

// Asks the system to keep AMX's tile registers for the threads of this process, which it does for
// those alone that ask. False where it does not.
bool allow_tiles();

}  // namespace conclave::cpu

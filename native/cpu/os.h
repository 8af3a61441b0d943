#pragma once
// What is asked of the operating system: os_linux.cc, os_other.cc.
#include <cstdint>

namespace conclave::cpu {

// Asks the system to keep AMX's tile registers for the threads of this process, which it does for
// those alone that ask. False where it does not.
bool allow_tiles();

// Asks for large pages under whatever part of untouched memory can have them: fewer misses of the
// table of pages where all of it is streamed. Memory that cannot have them stays as it is.
void use_large_pages(void* memory, int64_t bytes);

}  // namespace conclave::cpu

#pragma once
// What is asked of the operating system: os_linux.cc, os_other.cc.

namespace conclave::cpu {

// Asks the system to keep AMX's tile registers for the threads of this process, which it does for
// those alone that ask. False where it does not.
bool allow_tiles();

}  // namespace conclave::cpu

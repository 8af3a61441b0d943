#pragma once
// Device memory of the harness: host memory that ends right before a page which may not be touched,
// poisoned when it is taken. The end is exact to 16 bytes, the finest alignment that kernels need.
#include <cstdint>

namespace conclave::simt {

// Null where the system has no memory left.
void* take_memory(int64_t bytes);
// False for memory that take_memory did not give.
bool give_memory(void* memory) noexcept;
// True for an address in a guard page of take_memory.
bool in_guard(const void* address);

}  // namespace conclave::simt

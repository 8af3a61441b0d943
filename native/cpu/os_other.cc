// Where the system is asked nothing beyond the standard library.
#include <algorithm>
#include <thread>

#include "cpu/os.h"
#include "cpu/thread_pool.h"

namespace conclave::cpu {

int usable_cores() { return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1); }

void prefer_large_pages(void*, int64_t) {}

bool allow_tiles() { return false; }

}  // namespace conclave::cpu

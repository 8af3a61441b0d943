#pragma once
// Reading a mapped page beyond the end of a file that was truncated raises SIGBUS. The guard
// answers it, for registered ranges only, by mapping zeros there and setting a flag; every other
// fault goes to the previous handler.
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace conclave::io {

class BusGuard {
 public:
  // At most 8,192 ranges in the process; throws `io_error` beyond.
  BusGuard(const void* begin, uint64_t bytes);
  ~BusGuard();
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  // True once a page of the range could not be read.
  bool faulted() const;

 private:
  size_t slot_;
};

}  // namespace conclave::io

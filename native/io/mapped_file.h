#pragma once
// A whole file, mapped read-only. The pages belong to the operating system's cache: nothing is read
// until it is used.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace conclave::io {

class MappedFile {
 public:
  // Regular files only. Missing or unreadable: `io_error`; folder, FIFO, device or socket:
  // `invalid_file`.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;

  const std::string& path() const;
  const std::byte* data() const;  // page-aligned; null for an empty file
  uint64_t size() const;

  // Hints about the bytes [begin, end); they never fail and never change a result.
  void advise_sequential(uint64_t begin, uint64_t end) const;
  void advise_willneed(uint64_t begin, uint64_t end) const;
  void advise_dontneed(uint64_t begin, uint64_t end) const;

  // `file_changed` if the file at the path has been truncated, appended to, rewritten, replaced or
  // removed since it was opened. Reading the bytes of a truncated file gives zeros, not a signal,
  // so call this after reading.
  void check_unchanged() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace conclave::io

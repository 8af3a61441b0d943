// MappedFile on Linux and macOS.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "io/bus_guard_posix.h"
#include "io/mapped_file.h"

namespace conclave::io {
namespace {

#ifdef __APPLE__
timespec modified(const struct stat& s) { return s.st_mtimespec; }
#else
timespec modified(const struct stat& s) { return s.st_mtim; }
#endif

[[noreturn]] void fail_system(const std::string& path, const char* verb) {
  const std::string reason = std::generic_category().message(errno);
  throw Error("io_error", "Expected to " + std::string(verb) + " " + path +
                              ", but the system answered: " + reason + ".");
}

void require_regular(const struct stat& s, const std::string& path) {
  if (S_ISREG(s.st_mode)) return;
  throw Error("invalid_file", "Expected a regular file at " + path + ", but it is a " +
                                  (S_ISDIR(s.st_mode) ? "folder" : "device, pipe or socket") + ".");
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         modified(a).tv_sec == modified(b).tv_sec && modified(a).tv_nsec == modified(b).tv_nsec;
}

}  // namespace

struct MappedFile::State {
  std::string path;
  struct stat opened {};
  void* data = nullptr;
  size_t size = 0;
  std::optional<BusGuard> guard;

  ~State() {
    guard.reset();
    if (data != nullptr) munmap(data, size);
  }

  void advise(uint64_t begin, uint64_t end, int advice) const {
    static const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    if (end > size) end = size;
    if (begin >= end) return;
    const uint64_t from = begin / page * page;
    madvise(static_cast<char*>(data) + from, static_cast<size_t>(end - from), advice);
  }
};

MappedFile::MappedFile(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  if (path.find('\0') != std::string::npos) {
    throw Error("path_forbidden", "Expected a path without NUL characters.");
  }
  struct stat before {};
  if (stat(path.c_str(), &before) != 0) fail_system(path, "find");
  require_regular(before, path);  // opening some devices has effects
  // O_NONBLOCK: a FIFO that takes the file's place here must not hang the open.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) fail_system(path, "open");
  const bool known = fstat(fd, &state_->opened) == 0;
  const bool regular = known && S_ISREG(state_->opened.st_mode);
  if (regular && state_->opened.st_size > 0) {
    state_->size = static_cast<size_t>(state_->opened.st_size);
    void* data = mmap(nullptr, state_->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data != MAP_FAILED) state_->data = data;
  }
  const int mapping_error = errno;
  close(fd);  // the mapping stays
  errno = mapping_error;
  if (!known) fail_system(path, "read the size of");
  require_regular(state_->opened, path);
  if (state_->size > 0 && state_->data == nullptr) fail_system(path, "map");
  if (state_->data != nullptr) state_->guard.emplace(state_->data, state_->size);
}

MappedFile::~MappedFile() = default;
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;

const std::string& MappedFile::path() const { return state_->path; }
const std::byte* MappedFile::data() const { return static_cast<const std::byte*>(state_->data); }
uint64_t MappedFile::size() const { return state_->size; }

void MappedFile::advise_sequential(uint64_t begin, uint64_t end) const {
  state_->advise(begin, end, MADV_SEQUENTIAL);
}
void MappedFile::advise_willneed(uint64_t begin, uint64_t end) const {
  state_->advise(begin, end, MADV_WILLNEED);
}
void MappedFile::advise_dontneed(uint64_t begin, uint64_t end) const {
  state_->advise(begin, end, MADV_DONTNEED);
}

void MappedFile::check_unchanged() const {
  struct stat now {};
  const bool there = stat(state_->path.c_str(), &now) == 0;
  const bool faulted = state_->guard && state_->guard->faulted();
  if (there && !faulted && same_file(now, state_->opened)) return;
  throw Error("file_changed", "Expected " + state_->path +
                                  " to stay as it was while it is in use, but it was " +
                                  (there ? "changed" : "removed") + ". Load the model again.");
}

}  // namespace conclave::io

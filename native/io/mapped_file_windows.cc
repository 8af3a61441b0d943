// MappedFile on Windows. A mapped file cannot be truncated there, so no guard against faults is
// needed.
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#define _WIN32_WINNT 0x0602  // PrefetchVirtualMemory
#include <windows.h>

#include <system_error>

#include "core/error.h"
#include "io/mapped_file.h"

namespace conclave::io {
namespace {

std::wstring to_wide(const std::string& path) {
  const int bytes = static_cast<int>(path.size());
  const int length =
      MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, wide.data(), length);
  return wide;
}

[[noreturn]] void fail_system(const std::string& path, const char* verb) {
  const std::string reason = std::system_category().message(static_cast<int>(GetLastError()));
  throw Error("io_error", "Expected to " + std::string(verb) + " " + path +
                              ", but the system answered: " + reason);
}

struct FileHandle {
  HANDLE value = INVALID_HANDLE_VALUE;
  ~FileHandle() {
    if (value != INVALID_HANDLE_VALUE) CloseHandle(value);
  }
};

HANDLE open_for_reading(const std::wstring& path) {
  return CreateFileW(path.c_str(), GENERIC_READ,
                     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                     FILE_ATTRIBUTE_NORMAL, nullptr);
}

bool same_file(const BY_HANDLE_FILE_INFORMATION& a, const BY_HANDLE_FILE_INFORMATION& b) {
  return a.dwVolumeSerialNumber == b.dwVolumeSerialNumber && a.nFileIndexHigh == b.nFileIndexHigh &&
         a.nFileIndexLow == b.nFileIndexLow && a.nFileSizeHigh == b.nFileSizeHigh &&
         a.nFileSizeLow == b.nFileSizeLow &&
         CompareFileTime(&a.ftLastWriteTime, &b.ftLastWriteTime) == 0;
}

}  // namespace

struct MappedFile::State {
  std::string path;
  std::wstring wide;
  BY_HANDLE_FILE_INFORMATION opened{};
  void* data = nullptr;
  uint64_t size = 0;

  ~State() {
    if (data != nullptr) UnmapViewOfFile(data);
  }
};

MappedFile::MappedFile(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  if (path.find('\0') != std::string::npos) {
    throw Error("path_forbidden", "Expected a path without NUL characters.");
  }
  state_->wide = to_wide(path);
  const DWORD attributes = GetFileAttributesW(state_->wide.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES) fail_system(path, "find");
  if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    throw Error("invalid_file", "Expected a regular file at " + path + ", but it is a folder.");
  }
  const FileHandle file{open_for_reading(state_->wide)};
  if (file.value == INVALID_HANDLE_VALUE) fail_system(path, "open");
  if (GetFileType(file.value) != FILE_TYPE_DISK) {
    throw Error("invalid_file",
                "Expected a regular file at " + path + ", but it is a device or a pipe.");
  }
  if (!GetFileInformationByHandle(file.value, &state_->opened))
    fail_system(path, "read the size of");
  state_->size = (uint64_t{state_->opened.nFileSizeHigh} << 32) | state_->opened.nFileSizeLow;
  if (state_->size == 0) return;
  const FileHandle mapping{CreateFileMappingW(file.value, nullptr, PAGE_READONLY, 0, 0, nullptr)};
  if (mapping.value == nullptr) fail_system(path, "map");
  state_->data = MapViewOfFile(mapping.value, FILE_MAP_READ, 0, 0, 0);
  if (state_->data == nullptr) fail_system(path, "map");
}

MappedFile::~MappedFile() = default;
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;

const std::string& MappedFile::path() const { return state_->path; }
const std::byte* MappedFile::data() const { return static_cast<const std::byte*>(state_->data); }
uint64_t MappedFile::size() const { return state_->size; }

void MappedFile::advise_sequential(uint64_t begin, uint64_t end) const {
  advise_willneed(begin, end);
}

void MappedFile::advise_willneed(uint64_t begin, uint64_t end) const {
  if (end > state_->size) end = state_->size;
  if (begin >= end) return;
  WIN32_MEMORY_RANGE_ENTRY range{static_cast<char*>(state_->data) + begin,
                                 static_cast<SIZE_T>(end - begin)};
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

void MappedFile::advise_dontneed(uint64_t begin, uint64_t end) const {
  if (end > state_->size) end = state_->size;
  if (begin >= end) return;
  // Unlocking pages that are not locked takes them out of the working set; the error it reports is
  // expected.
  VirtualUnlock(static_cast<char*>(state_->data) + begin, static_cast<SIZE_T>(end - begin));
}

void MappedFile::check_unchanged() const {
  const FileHandle file{open_for_reading(state_->wide)};
  BY_HANDLE_FILE_INFORMATION now{};
  const bool there =
      file.value != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file.value, &now);
  if (there && same_file(now, state_->opened)) return;
  throw Error("file_changed", "Expected " + state_->path +
                                  " to stay as it was while it is in use, but it was " +
                                  (there ? "changed" : "removed") + ". Load the model again.");
}

}  // namespace conclave::io

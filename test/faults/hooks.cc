// Stands between Conclave and the system: operator new for the whole program, --wrap for the calls
// that Conclave's objects make themselves, and pthread_create, which libstdc++ calls, by its name.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <new>

#include "injector.h"

using conclave::test::count_block;
using conclave::test::fails;
using conclave::test::Fault;

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void __real_free(void* block);
int __real_open(const char* path, int flags, ...);
int __real_stat(const char* path, struct stat* status);
int __real_fstat(int fd, struct stat* status);
void* __real_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset);

void* __wrap_malloc(size_t bytes) {
  void* block = fails(Fault::allocation) ? nullptr : __real_malloc(bytes);
  if (block != nullptr) count_block(1);
  return block;
}

void* __wrap_calloc(size_t count, size_t bytes) {
  void* block = fails(Fault::allocation) ? nullptr : __real_calloc(count, bytes);
  if (block != nullptr) count_block(1);
  return block;
}

void __wrap_free(void* block) {
  if (block != nullptr) count_block(-1);
  __real_free(block);
}

int __wrap_open(const char* path, int flags, ...) {
  if (fails(Fault::open)) {
    errno = EMFILE;
    return -1;
  }
  va_list rest;
  va_start(rest, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  return __real_open(path, flags, mode);
}

int __wrap_stat(const char* path, struct stat* status) {
  if (!fails(Fault::stat)) return __real_stat(path, status);
  errno = EIO;
  return -1;
}

int __wrap_fstat(int fd, struct stat* status) {
  if (!fails(Fault::fstat)) return __real_fstat(fd, status);
  errno = EIO;
  return -1;
}

void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  if (!fails(Fault::mmap)) return __real_mmap(at, bytes, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

// Visible, so that libstdc++ finds this one.
__attribute__((visibility("default"))) int pthread_create(pthread_t* thread,
                                                          const pthread_attr_t* attributes,
                                                          void* (*run)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const Create real = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return fails(Fault::thread) ? EAGAIN : real(thread, attributes, run, argument);
}
}

namespace {

void* take(size_t bytes, size_t align) {
  if (align <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return __wrap_malloc(bytes == 0 ? 1 : bytes);
  void* block = nullptr;
  if (fails(Fault::allocation) || posix_memalign(&block, align, bytes) != 0) return nullptr;
  count_block(1);
  return block;
}

void* take_or_throw(size_t bytes, size_t align) {
  void* block = take(bytes, align);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

// All forms: a sanitizer would answer those that are missing, and not know their blocks again.
void* operator new(size_t bytes) { return take_or_throw(bytes, 1); }
void* operator new[](size_t bytes) { return take_or_throw(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t align) {
  return take_or_throw(bytes, static_cast<size_t>(align));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return take(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return take(bytes, static_cast<size_t>(align));
}

void operator delete(void* block) noexcept { __wrap_free(block); }
void operator delete[](void* block) noexcept { __wrap_free(block); }
void operator delete[](void* block, size_t) noexcept { __wrap_free(block); }
void operator delete(void* block, size_t) noexcept { __wrap_free(block); }
void operator delete(void* block, std::align_val_t) noexcept { __wrap_free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { __wrap_free(block); }

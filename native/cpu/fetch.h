#pragma once
// Tells the core what is needed soon: a hint, of any address.
namespace conclave::cpu {

inline void fetch(const void* at) {
#if defined(__GNUC__)
  __builtin_prefetch(at);
#else
  static_cast<void>(at);
#endif
}

inline void fetch_to_write(void* at) {
#if defined(__GNUC__)
  __builtin_prefetch(at, 1);
#else
  static_cast<void>(at);
#endif
}

}  // namespace conclave::cpu

#pragma once
// Tells the core that the caller spins.
namespace conclave::cpu {

inline void spin_pause() {
#if defined(__x86_64__) && defined(__GNUC__)
  __asm__ __volatile__("pause");
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ __volatile__("yield");
#endif
}

}  // namespace conclave::cpu

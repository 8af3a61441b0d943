// Which kernel sets this processor and its system run. x86-64 alone; compiled with the flags of the
// portable build.
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "cpu/os.h"
#include "cpu/simd/simd_kernels.h"

#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif

namespace conclave::cpu {

namespace {

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

#ifdef _MSC_VER
Registers cpuid(int leaf, int subleaf) {
  int r[4];
  __cpuidex(r, leaf, subleaf);
  return {uint32_t(r[0]), uint32_t(r[1]), uint32_t(r[2]), uint32_t(r[3])};
}
uint64_t saved_states() { return _xgetbv(0); }
#else
Registers cpuid(int leaf, int subleaf) {
  Registers r{};
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}
// Register states that the system keeps over a switch of threads.
uint64_t saved_states() {
  uint32_t low, high;
  __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}
#endif

bool has(uint32_t value, std::initializer_list<int> bits) {
  for (int bit : bits) {
    if (!(value >> bit & 1)) return false;
  }
  return true;
}

struct Features {
  bool avx2 = false, avx512 = false, avx512_bf16 = false, amx = false;
};

Features detect() {
  Features f;
  const uint32_t max_leaf = cpuid(0, 0).eax;
  const uint32_t ecx1 = cpuid(1, 0).ecx;
  if (max_leaf < 7 || !has(ecx1, {12, 27, 28, 29})) return f;  // FMA, OSXSAVE, AVX, F16C
  const uint64_t states = saved_states();
  const Registers seven = cpuid(7, 0);
  f.avx2 = (states & 0x6) == 0x6 && has(seven.ebx, {5});
  f.avx512 =
      f.avx2 && (states & 0xe6) == 0xe6 && has(seven.ebx, {16, 17, 30, 31});  // F, DQ, BW, VL
  const bool bf16 = seven.eax >= 1 && has(cpuid(7, 1).eax, {5});
  f.avx512_bf16 = f.avx512 && bf16 && has(seven.ecx, {11});  // VNNI
  f.amx = f.avx512_bf16 && (states & 0x60000) == 0x60000 && has(seven.edx, {22, 24, 25}) &&
          allow_tiles();  // BF16, TILE, INT8
  return f;
}

}  // namespace

const Kernels* find_simd_kernels(const char* name) {
  static const Features features = detect();
  if (features.avx2 && std::strcmp(name, "avx2") == 0) return &kAvx2Kernels;
  if (features.avx512 && std::strcmp(name, "avx512") == 0) return &kAvx512Kernels;
  if (features.avx512_bf16 && std::strcmp(name, "avx512_bf16") == 0) return &kAvx512Bf16Kernels;
  if (features.amx && std::strcmp(name, "amx") == 0) return amx_kernels();
  return nullptr;
}

}  // namespace conclave::cpu

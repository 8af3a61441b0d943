// Takes the place of kernels_amx.cc where the compiler has no AMX.
#include "cpu/simd/simd_kernels.h"

namespace conclave::cpu {

const Kernels* amx_kernels() { return nullptr; }

}  // namespace conclave::cpu

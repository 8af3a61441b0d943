#pragma once
// The kernel sets of this room. Only the table is seen outside: nothing else in here may be called
// before cpuid is asked.
#include "cpu/kernels.h"

namespace conclave::cpu {

// Null where the name is none of ours or the processor lacks an instruction that the set uses.
const Kernels* find_simd_kernels(const char* name);

extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512Bf16Kernels;

// Null where the compiler has no AMX.
const Kernels* amx_kernels();

}  // namespace conclave::cpu

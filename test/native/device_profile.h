#pragma once
// What cases ask of a kernel set that is not of the CPU: its name, and where it rounds activations
// to bf16.
#include "cpu/kernels.h"

namespace conclave::test {

inline cpu::Kernels device_profile(const char* name) {
  cpu::Kernels kernels = *cpu::find_kernels("plain");
  kernels.name = name;
  kernels.matmul[cpu::kWeightBf16].activations = cpu::Activations::bf16;
  kernels.matmul[cpu::kWeightI8].activations = cpu::Activations::bf16;
  return kernels;
}

}  // namespace conclave::test

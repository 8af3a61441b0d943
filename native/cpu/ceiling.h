#pragma once
// The ceilings of this machine as its kernels meet them, on all threads of a pool at once.
#include "cpu/stream.h"

namespace conclave::cpu {

struct Ceilings {
  double read_gb_per_s;  // from memory far larger than any cache
  double f32_gflops;     // one multiplication and one addition count 2
  double bf16_gflops;    // the f32 figure where the kernels have no bf16 products
  double int8_gops;      // products of bytes, or of 16 bits where the kernels have no others
};

// Takes about a second and 512 MiB; throws Error("insufficient_memory") where they are not to be
// had.
Ceilings measure_ceilings(CpuStream& stream);

}  // namespace conclave::cpu

#pragma once
// The way from an op's check to the CPU.
#include "cpu/ops.h"

namespace conclave::ops {

inline cpu::CpuStream& on_cpu(Stream& stream) { return static_cast<cpu::CpuStream&>(stream); }

}  // namespace conclave::ops

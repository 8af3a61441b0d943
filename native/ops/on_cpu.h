#pragma once
// The way from an op's check to its device. A build without other devices has one answer.
#include "core/error.h"
#include "cpu/ops.h"

namespace conclave::ops {

inline cpu::CpuStream& on_cpu(Stream& stream) {
  if (stream.kind != DeviceKind::cpu) {
    throw Error("gpu_unavailable",
                "Expected a CPU stream: this build has no kernels for another device.");
  }
  return static_cast<cpu::CpuStream&>(stream);
}

}  // namespace conclave::ops

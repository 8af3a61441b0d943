#pragma once
// The CPU as a device: a pool of threads, the kernels chosen for this processor, and scratch memory
// for the ops.
#include "core/device.h"
#include "cpu/aligned_bytes.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace conclave::cpu {

// cos and sin of the angles that rope asked for last: all layers of a step ask for the same ones.
struct RopeAngles {
  std::vector<int32_t> positions;
  std::vector<float> inv_freq;
  float scale = 0;
  AlignedBytes values;  // (positions, 2, inv_freq) f32: cos, sin
};

struct CpuStream : Stream {
  ThreadPool& pool;
  const Kernels& kernels;
  CpuStream(ThreadPool& p, const Kernels& k) : Stream(DeviceKind::cpu), pool(p), kernels(k) {}

  // At least `bytes` bytes, 64-byte aligned, kept between calls (grows, never shrinks); slot 0…3
  // are independent.
  void* scratch(int slot, int64_t bytes);

  RopeAngles angles;

 private:
  AlignedBytes scratch_[4];
};

}  // namespace conclave::cpu

#pragma once
// The CPU as a device: a pool of threads, the kernels chosen for this processor, and scratch memory
// for the ops.
#include "core/device.h"
#include "cpu/kernels.h"
#include "cpu/thread_pool.h"

namespace conclave::cpu {

struct CpuStream : Stream {
  ThreadPool& pool;
  const Kernels& kernels;
  CpuStream(ThreadPool& p, const Kernels& k) : Stream(DeviceKind::cpu), pool(p), kernels(k) {}
  ~CpuStream();

  // At least `bytes` bytes, 64-byte aligned, kept between calls (grows, never shrinks); slot 0…3
  // are independent.
  void* scratch(int slot, int64_t bytes);

 private:
  void* scratch_[4] = {};
  int64_t scratch_bytes_[4] = {};
};

}  // namespace conclave::cpu

#pragma once
// A card as a device of ops: the queue that kernels go to, and scratch memory on the card.
#include <cstdint>

#include "core/device.h"

namespace conclave::cuda {

class CudaStream : public Stream {
 public:
  CudaStream(void* queue, int num_multiprocessors)
      : Stream(DeviceKind::cuda), queue(queue), num_multiprocessors(num_multiprocessors) {}
  ~CudaStream();

  static constexpr int kSlots = 4;
  // At least `bytes` bytes of the card, 256-byte aligned, kept between calls (grows, never
  // shrinks); the slots are independent. A memory that grows raises `generation`: recordings made
  // before point to what is gone.
  void* scratch(int slot, int64_t bytes);

  void* const queue;
  const int num_multiprocessors;
  int64_t generation = 0;
  // On the card: tokens from this one on are padding of a recorded step; null: none is.
  const int32_t* num_live_tokens = nullptr;

 private:
  void* scratch_[kSlots] = {};
  int64_t scratch_bytes_[kSlots] = {};
};

}  // namespace conclave::cuda

#pragma once
// A card as a device of ops: the queue that kernels go to, and scratch memory on the card.
#include <cstdint>

#include "core/device.h"
#include "cuda/hopper_code.h"
#include "cuda/runtime.h"

namespace conclave::cuda {

class CudaStream : public Stream {
 public:
  // Throws gpu_unavailable.
  CudaStream(void* queue, const runtime::Card& card, bool deterministic)
      : Stream(DeviceKind::cuda),
        queue(queue),
        num_multiprocessors(card.num_multiprocessors),
        is_hopper(has_hopper_code(card, queue)),
        deterministic(deterministic) {}
  ~CudaStream();

  static constexpr int kSlots = 5, kTicketSlot = 4;
  // At least `bytes` bytes of the card, 256-byte aligned, kept between calls (grows, never
  // shrinks); the slots are independent. A memory that grows raises `generation`: recordings made
  // before point to what is gone.
  void* scratch(int slot, int64_t bytes);
  static constexpr int kPinned = 2, kSampled = 0, kFetched = 1;
  // At least `bytes` bytes of the host that copies to and from the card run through, 64-byte
  // aligned; no copy of them is in progress. Kept between calls; the slots are independent.
  void* pinned(int slot, int64_t bytes);
  // So many counters that are zero; a kernel that counts with them leaves them so.
  int* tickets(int64_t count);

  void* const queue;
  const int num_multiprocessors;
  // Kernels with TMA and wgmma can run.
  const bool is_hopper;
  // Only kernels of one order of sums, whatever the number of tokens.
  const bool deterministic;
  int64_t generation = 0;
  // On the card: tokens from this one on are padding of a recorded step; null: none is.
  const int32_t* num_live_tokens = nullptr;

 private:
  void* scratch_[kSlots] = {};
  int64_t scratch_bytes_[kSlots] = {};
  void* pinned_[kPinned] = {};
  int64_t pinned_bytes_[kPinned] = {};
};

}  // namespace conclave::cuda

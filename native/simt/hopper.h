#pragma once
// The host twin of cuda/device/hopper.h: the same functions over simt/async_proxy.h and
// simt/warpgroup.h. Included by that header alone, where the compiler is not nvcc.
#include "cuda/tensor_map.h"
#include "simt/block.h"
#include "simt/driver.h"
#include "simt/hw.h"
#include "simt/tensor_map.h"

#define CONCLAVE_MAP_PARAMETER const ::conclave::cuda::TensorMap&

namespace conclave::hw {

inline bool is_hopper_code() { return simt::driver().has_hopper_code; }

inline void mbarrier_init(uint64_t* barrier, int count, const Site& site = Site::current()) {
  block().async().init(barrier, count, site);
}
inline void mbarrier_arrive(uint64_t* barrier, const Site& site = Site::current()) {
  block().async().arrive(barrier, 0, site);
}
inline void mbarrier_arrive_expect(uint64_t* barrier, int bytes,
                                   const Site& site = Site::current()) {
  block().async().arrive(barrier, bytes, site);
}
inline void mbarrier_wait(uint64_t* barrier, int parity, const Site& site = Site::current()) {
  block().async().wait(barrier, parity, site);
}
inline void fence_async_proxy() { block().async().fence(); }

inline void tma_load(void* to, const cuda::TensorMap* map, int col, int row, uint64_t* barrier,
                     const Site& site = Site::current()) {
  block().async().copy(to, simt::matrix_map(*map), col, row, barrier, site);
}

inline void bulk_load(void* to, const void* from, int bytes, uint64_t* barrier,
                      const Site& site = Site::current()) {
  block().async().copy(to, from, bytes, barrier, site);
}

inline void fence_tensor_map(const cuda::TensorMap* map, const Site& site = Site::current()) {
  if (simt::matrix_map(*map) == nullptr) block().fail("a tensor map that nobody has made", site);
}

// Only that all of a warpgroup do it: the host has as many registers as it needs.
inline void registers_meeting(void**, int) {}
template <int kCount>
void give_registers(const Site& site = Site::current()) {
  static_assert(kCount % 8 == 0 && kCount >= 24 && kCount <= 240);
  block().warpgroup_meeting("give_registers", nullptr, registers_meeting, site);
}
template <int kCount>
void take_registers(const Site& site = Site::current()) {
  static_assert(kCount % 8 == 0 && kCount >= 24 && kCount <= 240);
  block().warpgroup_meeting("take_registers", nullptr, registers_meeting, site);
}

// Descriptors count from the start of the block's shared memory.
template <int kRowBytes = 128>
uint64_t matrix_descriptor(const void* shared, const Site& site = Site::current()) {
  static_assert(kRowBytes == 128 || kRowBytes == 32);
  check_aligned(shared, 8 * kRowBytes, site);
  const auto start = static_cast<uint64_t>(block().async().offset_of(shared, site));
  const uint64_t eight_rows = 8 * kRowBytes >> 4;
  return start >> 4 | uint64_t{1} << 16 | eight_rows << 32 |
         uint64_t{kRowBytes == 128 ? 1 : 3} << 62;
}
inline uint64_t descriptor_step(uint64_t descriptor, int bytes) {
  return descriptor + static_cast<uint64_t>(bytes >> 4);
}

void wgmma_fence_meeting(void** operands, int lanes);
void wgmma_commit_meeting(void** operands, int lanes);
void wgmma_wait_meeting(void** operands, int lanes);
void wgmma_meeting(void** operands, int lanes);

struct WgmmaOperands {
  float* sums;
  int columns;
  const uint32_t* registers;
  uint64_t a, b;
  bool from_zero;
  const Site* site;
};

inline void wgmma_fence(const Site& site = Site::current()) {
  block().warpgroup_meeting("wgmma_fence", nullptr, wgmma_fence_meeting, site);
}
template <class T, int kCount>
void settle(T (&)[kCount]) {}
inline void wgmma_commit(const Site& site = Site::current()) {
  block().warpgroup_meeting("wgmma_commit", nullptr, wgmma_commit_meeting, site);
}
template <int kGroupsLeft>
void wgmma_wait(const Site& site = Site::current()) {
  int left = kGroupsLeft;
  block().warpgroup_meeting("wgmma_wait", &left, wgmma_wait_meeting, site);
}
template <int kColumns, bool kFromZero = false>
void wgmma(float (&sums)[kColumns / 2], uint64_t a, uint64_t b,
           const Site& site = Site::current()) {
  WgmmaOperands mine{sums, kColumns, nullptr, a, b, kFromZero, &site};
  block().warpgroup_meeting("wgmma", &mine, wgmma_meeting, site);
}
template <int kColumns, bool kFromZero = false>
void wgmma(float (&sums)[kColumns / 2], const uint32_t (&a)[4], uint64_t b,
           const Site& site = Site::current()) {
  WgmmaOperands mine{sums, kColumns, a, 0, b, kFromZero, &site};
  block().warpgroup_meeting("wgmma", &mine, wgmma_meeting, site);
}

}  // namespace conclave::hw

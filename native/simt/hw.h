#pragma once
// The host twin of cuda/device/hw.h: the same functions over simt/block.h. Included by that header
// alone, where the compiler is not nvcc.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "simt/block.h"
#include "simt/queue.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define threadIdx (::conclave::simt::running_block()->current().index)
#define blockIdx (::conclave::simt::running_block()->index())
#define blockDim (::conclave::simt::running_block()->dim())
#define gridDim (::conclave::simt::running_block()->grid())

struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  uint32_t x, y;
};

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

namespace conclave::hw {

using simt::Site;

inline simt::Block& block() { return *simt::running_block(); }

template <class T>
T* shared() {
  return reinterpret_cast<T*>(block().shared());
}

// ---- meetings

inline void sync_block(const Site& site = Site::current()) {
  block().barrier(0, block().num_threads(), site);
}
inline void named_barrier(int id, int count, const Site& site = Site::current()) {
  block().barrier(id, count, site);
}
inline void named_arrive(int id, int count, const Site& site = Site::current()) {
  block().arrive(id, count, site);
}
inline void sync_warp(const Site& site = Site::current()) {
  block().warp_meeting(
      "sync_warp", nullptr, [](void**, int) {}, site);
}

template <class T>
struct Exchange {
  T value, result;
  int lane;
};

template <class T>
T shfl(T value, int lane, const Site& site = Site::current()) {
  Exchange<T> mine{value, value, lane & 31};
  block().warp_meeting(
      "shfl", &mine,
      [](void** operands, int lanes) {
        for (int i = 0; i < lanes; i++) {
          auto* e = static_cast<Exchange<T>*>(operands[i]);
          if (e->lane < lanes) e->result = static_cast<Exchange<T>*>(operands[e->lane])->value;
        }
      },
      site);
  return mine.result;
}

template <class T>
T shfl_xor(T value, int mask, const Site& site = Site::current()) {
  return shfl(value, (block().current().linear % 32) ^ mask, site);
}

inline uint32_t ballot(bool vote, const Site& site = Site::current()) {
  Exchange<uint32_t> mine{vote, 0, 0};
  block().warp_meeting(
      "ballot", &mine,
      [](void** operands, int lanes) {
        uint32_t bits = 0;
        for (int i = 0; i < lanes; i++)
          bits |= static_cast<Exchange<uint32_t>*>(operands[i])->value << i;
        for (int i = 0; i < lanes; i++)
          static_cast<Exchange<uint32_t>*>(operands[i])->result = bits;
      },
      site);
  return mine.result;
}

// Blocks run one after another, threads switch at meetings alone.
inline void fence_device() {}
inline int atomic_add(int* to, int value) {
  const int old = *to;
  *to += value;
  return old;
}

// ---- kernels that start before the one in front of them has ended

inline void wait_for_kernels_before(const Site& site = Site::current()) {
  block().wait_for_kernels_before(site);
}
inline void let_next_kernel_start(const Site& site = Site::current()) {
  block().let_next_kernel_start(site);
}

// ---- memory

inline void check_aligned(const void* p, size_t to, const Site& site) {
  if (reinterpret_cast<uintptr_t>(p) % to != 0)
    block().fail("an address that is no multiple of " + std::to_string(to), site);
}

inline uint4 load16(const void* p, const Site& site = Site::current()) {
  check_aligned(p, 16, site);
  return *static_cast<const uint4*>(p);
}
inline uint4 load16_stream(const void* p, const Site& site = Site::current()) {
  return load16(p, site);
}
inline uint2 load8(const void* p, const Site& site = Site::current()) {
  check_aligned(p, 8, site);
  return *static_cast<const uint2*>(p);
}
inline uint2 load8_stream(const void* p, const Site& site = Site::current()) {
  return load8(p, site);
}
inline void cp_async16(void* to, const void* from, int valid_bytes,
                       const Site& site = Site::current()) {
  block().copy_async(
      {static_cast<char*>(to), static_cast<const char*>(from), valid_bytes, 16 - valid_bytes},
      site);
}
inline void cp_async_commit() { block().commit_copies(); }
template <int kGroupsLeft>
void cp_async_wait() {
  block().wait_copies(kGroupsLeft);
}

// The threads of a block take turns, so nothing comes between.
inline void add_shared(uint64_t* to, uint64_t value) { *to += value; }
inline int add_shared(int* to, int value) {
  const int before = *to;
  *to += value;
  return before;
}

// ---- numbers

inline float exp2_approx(float x) { return std::exp2(x); }
inline float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
inline float bf16_lo(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
inline float bf16_hi(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }
inline uint16_t to_bf16(float x) { return f32_to_bf16(x); }
inline float from_f16(uint16_t x) { return f16_to_f32(x); }
inline uint32_t pack_bf16(float lo, float hi) {
  return f32_to_bf16(lo) | static_cast<uint32_t>(f32_to_bf16(hi)) << 16;
}
inline uint32_t sub_bf16x2(uint32_t a, uint32_t b) {
  return pack_bf16(bf16_lo(a) - bf16_lo(b), bf16_hi(a) - bf16_hi(b));
}
inline float mul(float a, float b) { return a * b; }
inline double mul(double a, double b) { return a * b; }
inline int count_bits(uint32_t x) { return std::popcount(x); }
// sin and cos of π·x
inline void sin_cos_pi(float* s, float* c, float x) {
  *s = static_cast<float>(std::sin(static_cast<double>(x) * 3.14159265358979323846));
  *c = static_cast<float>(std::cos(static_cast<double>(x) * 3.14159265358979323846));
}

// ---- matrices

struct MmaOperands {
  float* c;
  const uint32_t *a, *b;
};

void mma_bf16_meeting(void** operands, int lanes);

inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     const Site& site = Site::current()) {
  MmaOperands mine{c, a, b};
  block().warp_meeting("mma_bf16", &mine, mma_bf16_meeting, site);
}

// ---- launch
struct Grid {
  unsigned x = 1, y = 1, z = 1;
  bool early = false;
};

template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), Grid grid, int threads,
            int64_t shared_bytes, void* queue, const Args&... args) {
  const std::tuple<std::decay_t<Params>...> copy(static_cast<std::decay_t<Params>>(args)...);
  simt::launch(name, queue, grid.early, [=](simt::Before& before) {
    simt::run_grid(
        name, [=] { std::apply(kernel, copy); }, {grid.x, grid.y, grid.z},
        {static_cast<unsigned>(threads), 1, 1}, shared_bytes, grid.early ? &before : nullptr);
  });
}

}  // namespace conclave::hw

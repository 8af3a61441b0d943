#pragma once
// Everything that a kernel asks of the machine beyond C++: meetings of threads, memory, matrix
// instructions, launches. The only file with inline assembler or CUDA's own functions; where the
// compiler is not nvcc, simt/hw.h has the same functions for the host.
//   Shared memory is dynamic alone: hw::shared<T>() is its start, its bytes are an argument of
//   launch. Fragment layouts are PTX's: g = lane / 4, t = lane % 4.
#ifndef __CUDACC__
#include "simt/hw.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <tuple>

#include "cuda/runtime.h"

namespace conclave::hw {

template <class T>
__device__ __forceinline__ T* shared() {
  extern __shared__ __align__(1024) uint4 conclave_shared_memory[];
  return reinterpret_cast<T*>(conclave_shared_memory);
}

// ---- meetings

__device__ __forceinline__ void sync_block() { __syncthreads(); }
// Threads [count] meet at barrier `id` (1 to 15).
__device__ __forceinline__ void named_barrier(int id, int count) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(count) : "memory");
}
__device__ __forceinline__ void named_arrive(int id, int count) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(count) : "memory");
}
__device__ __forceinline__ void sync_warp() { __syncwarp(); }

// All 32 lanes take part in each of these.
template <class T>
__device__ __forceinline__ T shfl(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
template <class T>
__device__ __forceinline__ T shfl_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
__device__ __forceinline__ uint32_t ballot(bool vote) { return __ballot_sync(0xffffffffu, vote); }

// What this thread has written to global memory is there for who sees what it writes next.
__device__ __forceinline__ void fence_device() { __threadfence(); }
// Adds to global memory, as one step; what was there before.
__device__ __forceinline__ int atomic_add(int* to, int value) { return atomicAdd(to, value); }

// ---- kernels that start before the one in front of them has ended (Grid::early)

// Until all that the kernels before have written is there. By every thread of such a kernel, before
// it reads any of that or writes what they read.
__device__ __forceinline__ void wait_for_kernels_before() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// Once every block has said so or has ended, the next kernel may start. It orders nothing. A kernel
// that starts early waits itself first, so that what starts behind it finds all before it done.
__device__ __forceinline__ void let_next_kernel_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// ---- memory: addresses are multiples of the size

__device__ __forceinline__ uint4 load16(const void* p) { return *static_cast<const uint4*>(p); }
__device__ __forceinline__ uint2 load8(const void* p) { return *static_cast<const uint2*>(p); }

// Read once: weights go past the first-level cache. Never for memory that this kernel writes.
__device__ __forceinline__ uint4 load16_stream(const void* p) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p));
  return v;
}

__device__ __forceinline__ uint2 load8_stream(const void* p) {
  uint2 v;
  asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
               : "=r"(v.x), "=r"(v.y)
               : "l"(p));
  return v;
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// 16 bytes of shared memory: the first valid_bytes from global memory, zeros behind.
__device__ __forceinline__ void cp_async16(void* to, const void* from, int valid_bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid_bytes)
               : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;"); }
// Until all but this thread's last kGroupsLeft groups have landed.
template <int kGroupsLeft>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
}

// Adds to shared memory that other threads of the block add to as well …
__device__ __forceinline__ void add_shared(uint64_t* to, uint64_t value) {
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}
// … and gives what was there before.
__device__ __forceinline__ int add_shared(int* to, int value) { return atomicAdd(to, value); }

// ---- numbers

__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float float_of(uint32_t bits) { return __uint_as_float(bits); }
__device__ __forceinline__ float bf16_lo(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float bf16_hi(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}
__device__ __forceinline__ uint16_t to_bf16(float x) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(x));
}
__device__ __forceinline__ float from_f16(uint16_t x) { return __half2float(__ushort_as_half(x)); }
__device__ __forceinline__ uint32_t pack_bf16(float lo, float hi) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(hi), "f"(lo));
  return pair;
}
__device__ __forceinline__ uint32_t sub_bf16x2(uint32_t a, uint32_t b) {
  // a · 1 − b: the form that every card from sm_80 has; exact where the difference is.
  uint32_t d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(0x3f803f80u), "r"(b ^ 0x80008000u));
  return d;
}
// A product that is rounded by itself, never fused with a sum behind it.
__device__ __forceinline__ float mul(float a, float b) { return __fmul_rn(a, b); }
// Also for functions that nvcc compiles for the host too; nothing there calls them.
__host__ __device__ __forceinline__ double mul(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}
__device__ __forceinline__ int count_bits(uint32_t x) { return __popc(x); }
// sin and cos of π·x
__device__ __forceinline__ void sin_cos_pi(float* s, float* c, float x) { sincospif(x, s, c); }

// ---- matrices

// c (16 × 8) += a (16 × 16) · b (16 × 8)
__device__ __forceinline__ void mma_bf16(float (&c)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// ---- launch

struct Grid {
  unsigned x = 1, y = 1, z = 1;
  // May start before the kernel in front of it has ended: wait_for_kernels_before. On cards
  // from 9.0.
  bool early = false;
};

// Throws the named error where the driver refuses.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), Grid grid, int threads,
            int64_t shared_bytes, void* queue, const Args&... args) {
  cuda::runtime::expect_usable();
  if (shared_bytes > 48 << 10) {
    cuda::runtime::check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              static_cast<int>(shared_bytes)),
                         name);
  }
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = static_cast<cudaStream_t>(queue);
  config.attrs = &attribute;
  config.numAttrs = grid.early ? 1 : 0;
  std::tuple<Params...> values(static_cast<Params>(args)...);
  std::apply(
      [&](Params&... value) {
        void* pointers[] = {&value...};
        cuda::runtime::check(
            cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(kernel), pointers), name);
      },
      values);
}

}  // namespace conclave::hw
#endif

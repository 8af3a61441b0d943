#pragma once
// What cards of compute capability 9.0 can do beyond hw.h: copies of boxes by TMA, mbarriers, and
// matrix instructions of a warpgroup (128 threads, four warps from a multiple of four on). With
// hw.h the only place with inline assembler; simt/hopper.h is its twin of the host.
//   wgmma works beside the threads: its accumulators may not be touched between wgmma_fence and the
//   wgmma_wait that brings them, nor shared memory that it reads refilled.
//   It reads shared memory through the asynchronous proxy: what TMA brought is there; what threads
//   wrote is there after fence_async_proxy of the threads that wrote.
// Code for other cards traps: launchers ask CudaStream::is_hopper.
#ifndef __CUDACC__
#include "simt/hopper.h"
#else
#include "cuda/device/hw.h"
#include "cuda/tensor_map.h"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define CONCLAVE_HOPPER(...) asm volatile(__VA_ARGS__)
#define CONCLAVE_IS_HOPPER true
#else
#define CONCLAVE_HOPPER(...) __trap()
#define CONCLAVE_IS_HOPPER false
#endif

// A tensor map as a kernel's parameter: it lies where TMA reads it, not in a copy of the thread.
#define CONCLAVE_MAP_PARAMETER const __grid_constant__ ::conclave::cuda::TensorMap

namespace conclave::hw {

// Whether this code has these instructions, or a trap in place of each.
__device__ __forceinline__ bool is_hopper_code() { return CONCLAVE_IS_HOPPER; }

// ---- mbarriers: 8 bytes of shared memory. A phase ends when `count` arrivals have come and the
// announced bytes have landed; phases have parity 0, 1, 0, …

// By one thread; then fence_async_proxy, then a meeting of the block.
__device__ __forceinline__ void mbarrier_init(uint64_t* barrier, int count) {
  CONCLAVE_HOPPER("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
                  "r"(count)
                  : "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint64_t* barrier) {
  CONCLAVE_HOPPER("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
                  : "memory");
}
// Arrives, and announces bytes that copies will bring.
__device__ __forceinline__ void mbarrier_arrive_expect(uint64_t* barrier, int bytes) {
  CONCLAVE_HOPPER(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
// Until the phase of this parity has ended; before the first phase, parity 1 counts as ended.
__device__ __forceinline__ void mbarrier_wait(uint64_t* barrier, int parity) {
  uint32_t done = 1;
  do {
    CONCLAVE_HOPPER(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
        "selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
  } while (done == 0);
}

// What this thread wrote to shared memory becomes visible to TMA and wgmma.
__device__ __forceinline__ void fence_async_proxy() {
  CONCLAVE_HOPPER("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- TMA

// A box (cuda/tensor_map.h) whose first value is (row, col), to shared memory on 1024 bytes; its
// bytes land at `barrier`. By one thread.
__device__ __forceinline__ void tma_load(void* to, const cuda::TensorMap* map, int col, int row,
                                         uint64_t* barrier) {
  CONCLAVE_HOPPER(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(to)),
      "l"(map), "r"(col), "r"(row), "r"(shared_address(barrier))
      : "memory");
}

// `bytes` (a multiple of 16) as they lie, from global memory to shared memory, both on 16 bytes;
// they land at `barrier`. By one thread.
__device__ __forceinline__ void bulk_load(void* to, const void* from, int bytes,
                                          uint64_t* barrier) {
  CONCLAVE_HOPPER(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}

// Once before the first copy with a map that lies in the card's memory.
__device__ __forceinline__ void fence_tensor_map(const cuda::TensorMap* map) {
  CONCLAVE_HOPPER("fence.proxy.tensormap::generic.acquire.sys [%0], 128;" ::"l"(map) : "memory");
}

// ---- wgmma

// How many registers a thread of this warpgroup has from here on (a multiple of 8, 24 to 240): by
// all of the warpgroup. What one gives up, another may take.
template <int kCount>
__device__ __forceinline__ void give_registers() {
  CONCLAVE_HOPPER("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ __forceinline__ void take_registers() {
  CONCLAVE_HOPPER("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}

// A matrix of rows of 128 bytes (64 values of k) as tma_load swizzles them, on 1024 bytes; of 32
// bytes (16 values of k), on 256.
template <int kRowBytes = 128>
__device__ __forceinline__ uint64_t matrix_descriptor(const void* shared) {
  static_assert(kRowBytes == 128 || kRowBytes == 32);
  const uint64_t start = (shared_address(shared) & 0x3ffff) >> 4, eight_rows = 8 * kRowBytes >> 4;
  return start | uint64_t{1} << 16 | eight_rows << 32 | uint64_t{kRowBytes == 128 ? 1 : 3} << 62;
}
// The same from `bytes` of each row on.
__device__ __forceinline__ uint64_t descriptor_step(uint64_t descriptor, int bytes) {
  return descriptor + static_cast<uint64_t>(bytes >> 4);
}

// By all threads of the warpgroup, as all of these: before the first wgmma of a group, after its
// registers were written.
__device__ __forceinline__ void wgmma_fence() {
  CONCLAVE_HOPPER("wgmma.fence.sync.aligned;" ::: "memory");
}
// What sets these registers stays before this, what reads them behind it: around a fence or a wait,
// which say nothing of registers.
template <int kCount>
__device__ __forceinline__ void settle(float (&x)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; i++) asm volatile("" : "+f"(x[i])::"memory");
}
template <int kCount>
__device__ __forceinline__ void settle(uint32_t (&x)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; i++) asm volatile("" : "+r"(x[i])::"memory");
}
__device__ __forceinline__ void wgmma_commit() {
  CONCLAVE_HOPPER("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Until all but the last kGroupsLeft groups are done.
template <int kGroupsLeft>
__device__ __forceinline__ void wgmma_wait() {
  CONCLAVE_HOPPER("wgmma.wait_group.sync.aligned %0;" ::"n"(kGroupsLeft) : "memory");
}

// d (64 × kColumns) += a (64 × 16) · bᵀ, b (kColumns × 16), bf16. Warp w of the four has rows 16·w
// …, as the fragments of mma_bf16: d[4·j + i] is entry i of columns 8·j …. kFromZero: d = instead
// of d +=.
template <int kColumns, bool kFromZero = false>
__device__ __forceinline__ void wgmma(float (&d)[kColumns / 2], uint64_t a, uint64_t b);
// a as the registers of mma_bf16: of the warp's 16 rows.
template <int kColumns, bool kFromZero = false>
__device__ __forceinline__ void wgmma(float (&d)[kColumns / 2], const uint32_t (&a)[4], uint64_t b);

#define CONCLAVE_F2(i) "+f"(d[i]), "+f"(d[i + 1])
#define CONCLAVE_F8(i) CONCLAVE_F2(i), CONCLAVE_F2(i + 2), CONCLAVE_F2(i + 4), CONCLAVE_F2(i + 6)
#define CONCLAVE_F32(i) CONCLAVE_F8(i), CONCLAVE_F8(i + 8), CONCLAVE_F8(i + 16), CONCLAVE_F8(i + 24)
#define CONCLAVE_OUT2(i) "=f"(d[i]), "=f"(d[i + 1])
#define CONCLAVE_OUT8(i) \
  CONCLAVE_OUT2(i), CONCLAVE_OUT2(i + 2), CONCLAVE_OUT2(i + 4), CONCLAVE_OUT2(i + 6)
#define CONCLAVE_OUT32(i) \
  CONCLAVE_OUT8(i), CONCLAVE_OUT8(i + 8), CONCLAVE_OUT8(i + 16), CONCLAVE_OUT8(i + 24)
#define CONCLAVE_SUMS_32                                                              \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, " \
  "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define CONCLAVE_SUMS_64                                                              \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, " \
  "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "  \
  "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "  \
  "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"

template <>
__device__ __forceinline__ void wgmma<64, false>(float (&d)[32], uint64_t a, uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " CONCLAVE_SUMS_32
                  ", %32, %33, 1, 1, 1, 0, 0;"
                  : CONCLAVE_F32(0)
                  : "l"(a), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<64, false>(float (&d)[32], const uint32_t (&a)[4],
                                                 uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " CONCLAVE_SUMS_32
                  ", {%32, %33, %34, %35}, %36, 1, 1, 1, 0;"
                  : CONCLAVE_F32(0)
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<64, true>(float (&d)[32], uint64_t a, uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " CONCLAVE_SUMS_32
                  ", %32, %33, 0, 1, 1, 0, 0;"
                  : CONCLAVE_OUT32(0)
                  : "l"(a), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<64, true>(float (&d)[32], const uint32_t (&a)[4],
                                                uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " CONCLAVE_SUMS_32
                  ", {%32, %33, %34, %35}, %36, 0, 1, 1, 0;"
                  : CONCLAVE_OUT32(0)
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<128, false>(float (&d)[64], uint64_t a, uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " CONCLAVE_SUMS_64
                  ", %64, %65, 1, 1, 1, 0, 0;"
                  : CONCLAVE_F32(0), CONCLAVE_F32(32)
                  : "l"(a), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<128, false>(float (&d)[64], const uint32_t (&a)[4],
                                                  uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " CONCLAVE_SUMS_64
                  ", {%64, %65, %66, %67}, %68, 1, 1, 1, 0;"
                  : CONCLAVE_F32(0), CONCLAVE_F32(32)
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<128, true>(float (&d)[64], uint64_t a, uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " CONCLAVE_SUMS_64
                  ", %64, %65, 0, 1, 1, 0, 0;"
                  : CONCLAVE_OUT32(0), CONCLAVE_OUT32(32)
                  : "l"(a), "l"(b));
}
template <>
__device__ __forceinline__ void wgmma<128, true>(float (&d)[64], const uint32_t (&a)[4],
                                                 uint64_t b) {
  CONCLAVE_HOPPER("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " CONCLAVE_SUMS_64
                  ", {%64, %65, %66, %67}, %68, 0, 1, 1, 0;"
                  : CONCLAVE_OUT32(0), CONCLAVE_OUT32(32)
                  : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#undef CONCLAVE_SUMS_64
#undef CONCLAVE_SUMS_32
#undef CONCLAVE_OUT32
#undef CONCLAVE_OUT8
#undef CONCLAVE_OUT2
#undef CONCLAVE_F32
#undef CONCLAVE_F2
#undef CONCLAVE_F8
#undef CONCLAVE_HOPPER

}  // namespace conclave::hw
#endif

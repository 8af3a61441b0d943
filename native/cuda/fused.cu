// Pairs of ops in one kernel (fused.h). Sums run in the order of rms_norm.cu: by a warp for rows of
// at most 1024 values, by a block for longer ones.
#include "cuda/fused.h"

#include "cuda/device/norm_row.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

struct AddNorm {
  float *sum, *y;
  const float *a, *b, *w;
  int64_t num_rows, width;
  float eps;
};

// A thread's part of a row of the sum, and of its squares.
__device__ __forceinline__ float add_row(const AddNorm& p, int64_t at, int first, int step) {
  float squares = 0;
  for (int64_t i = first; i < p.width; i += step) {
    const float x = p.a[at + i] + p.b[at + i];
    p.sum[at + i] = x;
    squares += x * x;
  }
  return squares;
}

__global__ void __launch_bounds__(kThreads) add_rms_norm_warp_kernel(AddNorm p) {
  const int64_t row = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  if (row >= p.num_rows) return;  // the whole warp
  const int lane = threadIdx.x % 32;
  const int64_t at = row * p.width;
  const float squares = warp_sum(add_row(p, at, lane, 32));
  scale_row(p.y + at, p.sum + at, p.w, p.width, squares, p.eps, lane, 32);
}

__global__ void __launch_bounds__(kThreads) add_rms_norm_block_kernel(AddNorm p) {
  float* sums = hw::shared<float>();
  const int64_t at = int64_t{blockIdx.x} * p.width;
  const int i = static_cast<int>(threadIdx.x);
  const float squares = block_sum(add_row(p, at, i, kThreads), sums, kWarps);
  scale_row(p.y + at, p.sum + at, p.w, p.width, squares, p.eps, i, kThreads);
}

}  // namespace

void add_rms_norm(Tensor sum, Tensor y, Tensor a, Tensor b, Tensor w, float eps,
                  CudaStream& stream) {
  const int64_t width = w.shape.elements(), num_rows = a.shape.elements() / width;
  const AddNorm p{sum.f32(), y.f32(), a.f32(), b.f32(), w.f32(), num_rows, width, eps};
  if (width <= kNormWarpWidth)
    return hw::launch("add_rms_norm", add_rms_norm_warp_kernel, {blocks(num_rows, kWarps)},
                      kThreads, 0, stream.queue, p);
  hw::launch("add_rms_norm", add_rms_norm_block_kernel, {blocks(num_rows, 1)}, kThreads,
             kWarps * int64_t{sizeof(float)}, stream.queue, p);
}

}  // namespace conclave::cuda

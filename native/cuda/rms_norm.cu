// rms_norm: a warp for each row of at most 1024 values (heads of QK-norm), a block for longer ones.
// The order of the sum follows from the width alone.
#include "cuda/device/norm_row.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

__global__ void __launch_bounds__(kThreads)
    rms_norm_warp_kernel(float* y, const float* x, const float* w, int64_t num_rows, int64_t width,
                         float eps) {
  const int64_t row = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  if (row >= num_rows) return;  // the whole warp
  const int lane = threadIdx.x % 32;
  const float sum = warp_sum(sum_of_squares(x + row * width, width, lane, 32));
  scale_row(y + row * width, x + row * width, w, width, sum, eps, lane, 32);
}

__global__ void __launch_bounds__(kThreads)
    rms_norm_block_kernel(float* y, const float* x, const float* w, int64_t width, float eps) {
  float* sums = hw::shared<float>();
  const int64_t at = int64_t{blockIdx.x} * width;
  const int i = static_cast<int>(threadIdx.x);
  const float sum = block_sum(sum_of_squares(x + at, width, i, kThreads), sums, kWarps);
  scale_row(y + at, x + at, w, width, sum, eps, i, kThreads);
}

}  // namespace

void rms_norm(Tensor y, Tensor x, Tensor w, float eps, CudaStream& stream) {
  const int64_t width = w.shape.elements(), num_rows = x.shape.elements() / width;
  if (width <= kNormWarpWidth)
    return hw::launch("rms_norm", rms_norm_warp_kernel, {blocks(num_rows, kWarps)}, kThreads, 0,
                      stream.queue, y.f32(), x.f32(), w.f32(), num_rows, width, eps);
  hw::launch("rms_norm", rms_norm_block_kernel, {blocks(num_rows, 1)}, kThreads,
             kWarps * int64_t{sizeof(float)}, stream.queue, y.f32(), x.f32(), w.f32(), width, eps);
}

}  // namespace conclave::cuda

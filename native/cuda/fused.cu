// Pairs of ops in one kernel (fused.h). Sums run in the order of rms_norm.cu: by a warp for rows of
// at most 1024 values, by a block for longer ones.
#include "cuda/fused.h"

#include "cuda/device/norm_row.h"
#include "cuda/device/rotary.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kRopeThreads = 128, kRopeWarps = kRopeThreads / 32;

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

struct NormRope {
  float* y;
  const float *x, *w;
  const int32_t* positions;
  const float* inv_freq;
  int num_heads, head_dim, half;
  float eps, scale;
};

// A block for each token, a warp for each head in turn.
__global__ void __launch_bounds__(kRopeThreads) rms_norm_rope_kernel(NormRope p) {
  float* cosines = hw::shared<float>();
  float* sines = cosines + p.half;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  rotary_angles(cosines, sines, p.positions[blockIdx.x], p.inv_freq, p.half, p.scale, thread,
                kRopeThreads);
  hw::sync_block();
  for (int head = thread / 32; head < p.num_heads; head += kRopeWarps) {
    const int64_t at = (int64_t{blockIdx.x} * p.num_heads + head) * p.head_dim;
    const float* x = p.x + at;
    float* y = p.y + at;
    const float r =
        norm_factor(warp_sum(sum_of_squares(x, p.head_dim, lane, 32)), p.head_dim, p.eps);
    for (int i = lane; i < p.half; i += 32) {
      const float low = x[i] * r * p.w[i], high = x[i + p.half] * r * p.w[i + p.half];
      turn_pair(y[i], y[i + p.half], low, high, cosines[i], sines[i]);
    }
    for (int i = 2 * p.half + lane; i < p.head_dim; i += 32) y[i] = x[i] * r * p.w[i];
  }
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

void rms_norm_rope(Tensor y, Tensor x, Tensor w, float eps, Tensor positions, Tensor inv_freq,
                   float scale, CudaStream& stream) {
  const int head_dim = static_cast<int>(w.shape[0]), half = static_cast<int>(inv_freq.shape[0]);
  const NormRope p{y.f32(),
                   x.f32(),
                   w.f32(),
                   positions.i32(),
                   inv_freq.f32(),
                   static_cast<int>(x.shape[1]) / head_dim,
                   head_dim,
                   half,
                   eps,
                   scale};
  hw::launch("rms_norm_rope", rms_norm_rope_kernel, {blocks(x.shape[0], 1)}, kRopeThreads,
             2 * half * int64_t{sizeof(float)}, stream.queue, p);
}

}  // namespace conclave::cuda

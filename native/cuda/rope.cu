// rope: a block for each token; the angles are taken once, for all heads.
#include "cuda/device/rotary.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    rope_kernel(float* x, const int32_t* positions, const float* inv_freq, int width, int head_dim,
                int half, float scale) {
  float* cosines = hw::shared<float>();
  float* sines = cosines + half;
  const int first = static_cast<int>(threadIdx.x);
  rotary_angles(cosines, sines, positions[blockIdx.x], inv_freq, half, scale, first, kThreads);
  hw::sync_block();
  float* row = x + int64_t{blockIdx.x} * width;
  for (int pair = first; pair < width / head_dim * half; pair += kThreads) {
    const int i = pair % half;
    float* head = row + pair / half * head_dim;
    turn_pair(head[i], head[i + half], head[i], head[i + half], cosines[i], sines[i]);
  }
}

}  // namespace

void rope(Tensor x, Tensor positions, Tensor inv_freq, int64_t head_dim, float scale,
          CudaStream& stream) {
  const int half = static_cast<int>(inv_freq.shape[0]);
  hw::launch("rope", rope_kernel, {blocks(x.shape[0], 1)}, kThreads,
             2 * half * int64_t{sizeof(float)}, stream.queue, x.f32(), positions.i32(),
             inv_freq.f32(), static_cast<int>(x.shape[1]), static_cast<int>(head_dim), half, scale);
}

}  // namespace conclave::cuda

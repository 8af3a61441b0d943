// embed: a block for each token.
#include "cuda/device/number_format.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 128;

template <class W>
__global__ void __launch_bounds__(kThreads)
    embed_kernel(float* y, const int32_t* token_ids, const int32_t* sampled,
                 const typename W::Stored* w, const float* scales, int64_t width) {
  int64_t id = token_ids[blockIdx.x];
  if (id < 0) id = max(0, sampled[-1 - id]);
  const int per_row = scales_of_row(static_cast<int>(width));
  for (int64_t i = threadIdx.x; i < width; i += kThreads)
    y[blockIdx.x * width + i] =
        W::load(w + id * width + i) * (scales ? scales[id * per_row + i / kScaleColumns] : 1.0f);
}

template <class W>
void launch(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, CudaStream& stream) {
  hw::launch("embed", embed_kernel<W>, {blocks(token_ids.shape[0], 1)}, kThreads, 0, stream.queue,
             y.f32(), token_ids.i32(), sampled.i32(),
             static_cast<const typename W::Stored*>(w.data), w.scales, w.cols);
}

}  // namespace

void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, CudaStream& stream) {
  switch (w.dtype) {
    case DType::f32: return launch<F32>(y, token_ids, sampled, w, stream);
    case DType::f16: return launch<F16>(y, token_ids, sampled, w, stream);
    case DType::bf16: return launch<Bf16>(y, token_ids, sampled, w, stream);
    default: return launch<Int8>(y, token_ids, sampled, w, stream);
  }
}

}  // namespace conclave::cuda

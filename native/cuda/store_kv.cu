// store_kv: a warp for each (token, kv head).
#include "cuda/batch_arrays.h"
#include "cuda/device/store_row.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32;

template <class T>
__global__ void __launch_bounds__(kThreads)
    store_kv_kernel(KvPages pages, const float* k, const float* v, DeviceBatch batch) {
  hw::let_next_kernel_start();
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t task = int64_t{blockIdx.x} * kWarps + warp;
  const int t = static_cast<int>(task / pages.num_kv_heads);
  const int head = static_cast<int>(task % pages.num_kv_heads), dim = pages.head_dim;
  if (t >= batch.num_tokens) return;
  const KvPlace place = place_of(pages, batch, t);
  if (!place.is_there) return;
  float* key = hw::shared<float>() + warp * dim;
  for (int d = lane; d < dim; d += 32) key[d] = k[task * dim + d];
  store_key<T>(pages, place, head, key, lane);
  store_value<T>(pages, place, head, v + task * dim, lane);
}

}  // namespace

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CudaStream& stream) {
  const DeviceBatch arrays = arrays_of(batch, stream);
  for_pages_of(region.dtype, [&](auto value) {
    hw::launch("store_kv", store_kv_kernel<decltype(value)>,
               {blocks(int64_t{batch.num_tokens} * region.num_kv_heads, kWarps)}, kThreads,
               kWarps * region.head_dim * int64_t{sizeof(float)}, stream.queue, pages_of(region),
               k.f32(), v.f32(), arrays);
  });
}

}  // namespace conclave::cuda

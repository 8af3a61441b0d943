// store_kv: a warp for each (token, kv head). int8 turns the key (device/hadamard.h) and takes its
// scale from the row's largest value, as quant/quantise_row.h does.
#include "cuda/batch_arrays.h"
#include "cuda/device/batch.h"
#include "cuda/device/hadamard.h"
#include "cuda/device/kv_layout.h"
#include "cuda/device/reduce.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kWarps = 4, kThreads = kWarps * 32;

__device__ __forceinline__ void encode(float* to, float x, float) { *to = x; }
__device__ __forceinline__ void encode(uint16_t* to, float x, float) { *to = hw::to_bf16(x); }
__device__ __forceinline__ void encode(int8_t* to, float x, float inverse) {
  *to = static_cast<int8_t>(fminf(fmaxf(rintf(x * inverse), -127.0f), 127.0f));
}

// 127 / max |x|, and the scale; (0, 0) for a row of zeros, (0, NaN) where a value is not finite.
__device__ __forceinline__ float row_scale(float* scale, const float* x, int n, int lane) {
  float max = 0;
  bool finite = true;
  for (int d = lane; d < n; d += 32) {
    max = fmaxf(max, fabsf(x[d]));
    finite = finite && fabsf(x[d]) < INFINITY;
  }
  max = warp_max(max);
  finite = hw::ballot(!finite) == 0;
  const float inverse = 127.0f / max;
  const bool usable = finite && inverse < INFINITY;
  *scale = usable ? max / 127.0f : finite ? 0.0f : NAN;
  return usable ? inverse : 0.0f;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    store_kv_kernel(KvPages pages, const float* k, const float* v, DeviceBatch batch) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t task = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  const int t = static_cast<int>(task / pages.num_kv_heads);
  const int head = static_cast<int>(task % pages.num_kv_heads), dim = pages.head_dim;
  if (t >= batch.num_tokens) return;
  const int s = sequence_of(batch, t);
  if (batch.kv_lengths[s] == 0) return;
  const int p = batch.positions[t], offset = p % pages.page_size;
  const int64_t page = batch.page_tables[int64_t{s} * batch.max_pages + p / pages.page_size];
  const int64_t at = task * dim;
  T* key = key_row<T>(pages, page, head, offset);
  T* values = value_group<T>(pages, page, head, offset);
  float k_inverse = 0, v_inverse = 0;
  const float* k_row = k + at;
  if constexpr (sizeof(T) == 1) {
    float k_scale, v_scale;
    float* turned = hw::shared<float>() + static_cast<int>(threadIdx.x) / 32 * dim;
    for (int d = lane; d < dim; d += 32) turned[d] = k[at + d];
    hadamard(turned, dim, lane);
    k_row = turned;
    k_inverse = row_scale(&k_scale, k_row, dim, lane);
    v_inverse = row_scale(&v_scale, v + at, dim, lane);
    float* scales = key_scales(pages, page, head) + offset;
    if (lane == 0) scales[0] = k_scale, scales[pages.page_size] = v_scale;
  }
  for (int d = lane; d < dim; d += 32) {
    encode(key + d, sizeof(T) == 1 && k_inverse == 0 ? 0.0f : k_row[d], k_inverse);
    encode(values + value_index<T>(offset % kValueGroup, d, dim),
           sizeof(T) == 1 && v_inverse == 0 ? 0.0f : v[at + d], v_inverse);
  }
}

}  // namespace

void store_kv(const KvRegion& region, Tensor k, Tensor v, const BatchView& batch,
              CudaStream& stream) {
  const KvPages pages = pages_of(region);
  const DeviceBatch arrays = arrays_of(batch, stream);
  const hw::Grid grid{blocks(int64_t{batch.num_tokens} * region.num_kv_heads, kWarps)};
  const int64_t shared =
      region.dtype == DType::i8 ? kWarps * region.head_dim * int64_t{sizeof(float)} : 0;
  auto run = [&](auto kernel) {
    hw::launch("store_kv", kernel, grid, kThreads, shared, stream.queue, pages, k.f32(), v.f32(),
               arrays);
  };
  if (region.dtype == DType::f32) run(store_kv_kernel<float>);
  else if (region.dtype == DType::bf16) run(store_kv_kernel<uint16_t>);
  else run(store_kv_kernel<int8_t>);
}

}  // namespace conclave::cuda

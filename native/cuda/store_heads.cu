// Norm, turn and store of all heads of a token in one kernel (fused.h). Sums run in the order of
// rms_norm.cu.
#include <algorithm>

#include "cuda/batch_arrays.h"
#include "cuda/device/norm_row.h"
#include "cuda/device/rotary.h"
#include "cuda/device/store_row.h"
#include "cuda/fused.h"
#include "cuda/launch.h"

namespace conclave::cuda {

namespace {

constexpr int kHeadThreads = 128, kHeadWarps = kHeadThreads / 32;
constexpr int kHeadBlocks = 5;  // of a multiprocessor: with more, registers spill on some cards
constexpr int64_t kEnoughBlocks = 512;  // that keep a card busy

struct Heads {
  const float *x, *w;
  float eps;
  int count;
};

struct StoreHeads {
  float* q_out;
  Heads q, k;
  const float* v;
  const float* inv_freq;
  int half;
  float scale;
  KvPages pages;
  DeviceBatch batch;
};

// One head of dim values into `to`, which may be where it comes from.
__device__ __forceinline__ void turn_head(float* to, const Heads& from, int64_t at, int dim,
                                          int half, const float* cosines, const float* sines,
                                          int lane) {
  const float* x = from.x + at;
  const float* w = from.w;
  const float r =
      w == nullptr ? 1.0f : norm_factor(warp_sum(sum_of_squares(x, dim, lane, 32)), dim, from.eps);
  const auto normed = [&](int i) { return w == nullptr ? x[i] : x[i] * r * w[i]; };
  for (int i = lane; i < half; i += 32) {
    const float low = normed(i), high = normed(i + half);
    turn_pair(to[i], to[i + half], low, high, cosines[i], sines[i]);
  }
  for (int i = 2 * half + lane; i < dim; i += 32) to[i] = normed(i);
}

// blockIdx.x is the token; the warps of all its blocks take its heads in turn: those of q, of k, of
// v.
template <class T>
__global__ void __launch_bounds__(kHeadThreads, kHeadBlocks) store_heads_kernel(StoreHeads p) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int t = static_cast<int>(blockIdx.x), dim = p.pages.head_dim;
  float* cosines = hw::shared<float>();
  float* sines = cosines + p.half;
  float* key = sines + p.half + warp * dim;
  rotary_angles(cosines, sines, p.batch.positions[t], p.inv_freq, p.half, p.scale, thread,
                kHeadThreads);
  hw::sync_block();
  const KvPlace place = place_of(p.pages, p.batch, t);
  const int keys_end = p.q.count + p.k.count;
  const int step = static_cast<int>(gridDim.y) * kHeadWarps;
  for (int head = static_cast<int>(blockIdx.y) * kHeadWarps + warp; head < keys_end + p.k.count;
       head += step) {
    if (head < p.q.count) {
      const int64_t at = (int64_t{t} * p.q.count + head) * dim;
      turn_head(p.q_out + at, p.q, at, dim, p.half, cosines, sines, lane);
    } else if (!place.is_there) {
      continue;
    } else if (head < keys_end) {
      const int64_t at = (int64_t{t} * p.k.count + head - p.q.count) * dim;
      turn_head(key, p.k, at, dim, p.half, cosines, sines, lane);
      hw::sync_warp();
      store_key<T>(p.pages, place, head - p.q.count, key, lane);
      hw::sync_warp();
    } else {
      const int64_t at = (int64_t{t} * p.k.count + head - keys_end) * dim;
      store_value<T>(p.pages, place, head - keys_end, p.v + at, lane);
    }
  }
}

}  // namespace

void store_heads(Tensor q_out, const HeadRows& q, const HeadRows& k, Tensor v, Tensor inv_freq,
                 float scale, const KvRegion& region, const BatchView& batch, CudaStream& stream) {
  const int dim = static_cast<int>(region.head_dim), half = static_cast<int>(inv_freq.shape[0]);
  const auto heads = [&](const HeadRows& rows) {
    return Heads{rows.x.f32(), rows.w.f32(), rows.eps, static_cast<int>(rows.x.shape[1]) / dim};
  };
  const StoreHeads p{q_out.f32(), heads(q),         heads(k),
                     v.f32(),     inv_freq.f32(),   half,
                     scale,       pages_of(region), arrays_of(batch, stream)};
  // A token's heads side by side where there are few tokens; else a block takes all of them, and
  // the angles are found once.
  const int64_t tokens = batch.num_tokens;
  const auto all = static_cast<int64_t>(blocks(p.q.count + 2 * p.k.count, kHeadWarps));
  const auto side_by_side = std::min(all, int64_t{blocks(kEnoughBlocks, tokens)});
  for_pages_of(region.dtype, [&](auto value) {
    hw::launch("store_heads", store_heads_kernel<decltype(value)>,
               {static_cast<unsigned>(tokens), static_cast<unsigned>(side_by_side)}, kHeadThreads,
               (2 * half + kHeadWarps * dim) * int64_t{sizeof(float)}, stream.queue, p);
  });
}

}  // namespace conclave::cuda

// matmul: kernels chosen by format, shape and number of tokens; few and tiles give the same bits.
//   dot     f32 and f16, and rows that are no multiple of 16 values: a warp for each output feature
//   few     bf16 and int8, at most 8 tokens: a block for 16 output features reads their weights
//           once, its warps share k. Bound by memory: out·in·s bytes
//   tiles   bf16 and int8, more tokens: device/tile.h over rounded activations
//   hopper  matmul_hopper.cu and matmul_hopper_int8.cu, where a stream need not be batch-invariant
#include "cuda/device/dot.h"
#include "cuda/device/tile.h"
#include "cuda/matmul.h"
#include "cuda/round_rows.h"
#include "cuda/scratch.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kDotTokens = 8;

template <class W>
__global__ void __launch_bounds__(kThreads) matmul_dot_kernel(Product p) {
  const int n = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (n >= p.out) return;
  const int first = static_cast<int>(blockIdx.y) * kDotTokens;
  for (int t = first; t < first + kDotTokens && t < p.num_tokens; t++) {
    const float sum = warp_dot<W>(p.x + int64_t{t} * p.in, p.w, p.scales, n, p.in, lane);
    if (lane == 0) store(p, t, n, sum);
  }
}

template <class W>
__global__ void __launch_bounds__(kThreads) matmul_few_kernel(Product p) {
  static_assert(kWarps == kChunks);
  constexpr int kSums = kFragmentRows * kFragmentColumns;
  float* partial = hw::shared<float>();  // (kChunks, tokens, rows)
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4, first = static_cast<int>(blockIdx.x) * kFragmentRows;
  // Rows and tokens behind the last one are read as the last, and not stored.
  const WeightRows<W> rows =
      weight_rows<W>(p.w, p.scales, min(first + g, p.out - 1), min(first + g + 8, p.out - 1), p.in);
  const float* x = p.x + int64_t{min(g, p.num_tokens - 1)} * p.in;
  const int length = chunk_length(p.in), end = min(p.in, (warp + 1) * length);
  float sums[4] = {};
  for (int k0 = warp * length; k0 < end; k0 += kStep) {
    WeightStep<W> step;
    load_weights(step, rows, k0, p.in, t);
    uint4 eights[2];
    for (int h = 0; h < 2; h++) {
      const int at = k0 + lane_columns(h, t);
      eights[h] = at < p.in ? round_eight<W>(x + at) : uint4{};
    }
    uint32_t a[4][4], b[4][2];
    weight_registers(a, step);
    activation_registers(b, eights[0], eights[1]);
    multiply_step(sums, a, b, step);
  }
  for (int i = 0; i < 4; i++)
    partial[warp * kSums + sum_column(i, lane) * kFragmentRows + sum_row(i, lane)] = sums[i];
  hw::sync_block();
  const int mine = static_cast<int>(threadIdx.x);
  const int token = mine / kFragmentRows, n = first + mine % kFragmentRows;
  if (mine >= kSums || token >= p.num_tokens || n >= p.out) return;
  float total = 0;
  for (int c = 0; c < kChunks; c++) total += partial[c * kSums + mine];
  store(p, token, n, total);
}

template <class W>
__global__ void __launch_bounds__(Tile<W>::kThreads)
    matmul_tiles_kernel(Product p, const uint16_t* rounded) {
  using T = Tile<W>;
  const auto* w = static_cast<const typename W::Stored*>(p.w);
  const int first_row = static_cast<int>(blockIdx.x) * T::kRows;
  const int first_token = static_cast<int>(blockIdx.y) * T::kTokens;
  TileCopies<W> copies;
  plan_copies<W>(
      copies,
      [&](int r) { return first_row + r < p.out ? w + int64_t{first_row + r} * p.in : nullptr; },
      [&](int r) {
        return first_token + r < p.num_tokens ? rounded + int64_t{first_token + r} * p.in : nullptr;
      });
  TileScales<W> scales;
  plan_scales<W>(scales, [&](int r) {
    return p.scales + int64_t{min(first_row + r, p.out - 1)} * scales_of_row(p.in);
  });
  typename T::Sums total = {};
  multiply_tile<W>(total, copies, scales, rounded, p.in);
  for_each_sum<W>([&](int row, int token, int m, int n, int i) {
    if (first_row + row < p.out && first_token + token < p.num_tokens)
      store(p, first_token + token, first_row + row, total[m][n][i]);
  });
}

template <class W>
void launch_dot(const Product& p, CudaStream& stream) {
  hw::launch("matmul", matmul_dot_kernel<W>,
             {blocks(p.out, kWarps), blocks(p.num_tokens, kDotTokens)}, kThreads, 0, stream.queue,
             p);
}

template <class W>
void launch_fragments(const Product& p, CudaStream& stream) {
  using T = Tile<W>;
  if (p.in % kFragmentAlign != 0 || reinterpret_cast<uintptr_t>(p.w) % 16 != 0)
    return launch_dot<W>(p, stream);
  if (p.num_tokens <= kFragmentColumns) {
    constexpr int64_t kShared = kChunks * kFragmentRows * kFragmentColumns * sizeof(float);
    return hw::launch("matmul", matmul_few_kernel<W>, {blocks(p.out, kFragmentRows)}, kThreads,
                      kShared, stream.queue, p);
  }
  if (matmul_hopper(p, W{}, stream)) return;
  const int64_t elements = int64_t{p.num_tokens} * p.in;
  auto* rounded = static_cast<uint16_t*>(stream.scratch(0, rounded_bytes(p.num_tokens, p.in)));
  round_rows<W>(rounded, p.x, elements, stream);
  hw::launch("matmul", matmul_tiles_kernel<W>,
             {blocks(p.out, T::kRows), blocks(p.num_tokens, T::kTokens)}, T::kThreads,
             T::kSharedBytes, stream.queue, p, static_cast<const uint16_t*>(rounded));
}

}  // namespace

void matmul(Tensor y, Tensor x, const Weight& w, Tensor bias, CudaStream& stream) {
  const Product p{y.f32(),
                  x.f32(),
                  w.data,
                  w.scales,
                  bias ? bias.f32() : nullptr,
                  static_cast<int>(x.shape[0]),
                  static_cast<int>(w.rows),
                  static_cast<int>(w.cols)};
  switch (w.dtype) {
    case DType::f32: return launch_dot<F32>(p, stream);
    case DType::f16: return launch_dot<F16>(p, stream);
    case DType::bf16: return launch_fragments<Bf16>(p, stream);
    default: return launch_fragments<Int8>(p, stream);
  }
}

}  // namespace conclave::cuda

#pragma once
// Dot products in register tiles of M tokens by N weight rows. Every output has one vector of sums
// over k, in steps of one vector, and one horizontal tree: the tile that it is computed in does not
// show in its bits. Included after row_kernels.h.

namespace conclave::cpu {
namespace {

// f32 activations with weights of any format, widened on the way.
template <WeightFormat F>
struct WideDot {
  using X = float;
  using W = typename Load<F>::T;
  using XVec = V::F;
  using WVec = V::F;
  static constexpr int64_t kStep = V::kLanes;
  static XVec load_x(const X* p) { return V::load(p); }
  static XVec load_x_part(const X* p, int64_t n) { return V::load_part(p, n); }
  static WVec load_w(const W* p) { return Load<F>::full(p); }
  static WVec load_w_part(const W* p, int64_t n) { return Load<F>::part(p, n); }
  static V::F mac(V::F sum, XVec x, WVec w) { return V::fma(x, w, sum); }
};

// sums[m][n] += x[m][i …] · w[n][i …], one vector each
template <class D, int M, int N>
CONCLAVE_INLINE void dot_step(V::F (&sums)[M][N], const typename D::X* const (&x)[M],
                              const typename D::W* w, int64_t k, int64_t i) {
  typename D::XVec xs[M];
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) xs[m] = D::load_x(x[m] + i);
  CONCLAVE_UNROLL
  for (int n = 0; n < N; n++) {
    const typename D::WVec wn = D::load_w(w + n * k + i);
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) sums[m][n] = D::mac(sums[m][n], xs[m], wn);
  }
}

// `fetch`: kFetch rows of the next strip, brought near while these are in use. Row by row at the
// same place: memory answers several rows at once better than one long run.
template <class D, int M, int N, int kFetch>
inline void dot_tile(const DotRows& args, int64_t m0, int64_t n0, const typename D::W* fetch) {
  using X = typename D::X;
  using W = typename D::W;
  constexpr int64_t kLine = 64 / sizeof(W) > D::kStep ? 64 / sizeof(W) : D::kStep;
  const int64_t k = args.k;
  const W* w = static_cast<const W*>(args.w) + n0 * k;
  const X* x[M];
  V::F sums[M][N];
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    x[m] = static_cast<const X*>(args.x[m0 + m]);
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) sums[m][n] = V::zero();
  }
  int64_t i = 0;
  for (; i + kLine <= k; i += kLine) {
    CONCLAVE_UNROLL
    for (int n = 0; n < kFetch; n++) {
      _mm_prefetch(reinterpret_cast<const char*>(fetch + n * k + i), _MM_HINT_T0);
    }
    CONCLAVE_UNROLL
    for (int64_t step = 0; step < kLine; step += D::kStep) dot_step<D>(sums, x, w, k, i + step);
  }
  for (; i + D::kStep <= k; i += D::kStep) dot_step<D>(sums, x, w, k, i);
  if (i < k) {
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) {
      const typename D::WVec wn = D::load_w_part(w + n * k + i, k - i);
      CONCLAVE_UNROLL
      for (int m = 0; m < M; m++)
        sums[m][n] = D::mac(sums[m][n], D::load_x_part(x[m] + i, k - i), wn);
    }
  }
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    float* y = args.y[m0 + m] + args.y_offset + n0;
    if constexpr (N == 1) {
      *y = lane_sum(sums[m][0]);
    } else {
      CONCLAVE_UNROLL
      for (int n = 0; n < N; n += 4) {
        _mm_storeu_ps(y + n, quad_sums(sums[m][n], sums[m][n + 1], sums[m][n + 2], sums[m][n + 3]));
      }
    }
  }
}

template <class D, int N, int kFetch>
inline void dot_tokens(const DotRows& args, int64_t m, int count, int64_t n,
                       const typename D::W* fetch) {
  switch (count) {
    case 1: return dot_tile<D, 1, N, kFetch>(args, m, n, fetch);
    case 2: return dot_tile<D, 2, N, kFetch>(args, m, n, fetch);
    case 3: return dot_tile<D, 3, N, kFetch>(args, m, n, fetch);
    default: break;
  }
  if constexpr (V::kMaxTokens > 3) {
    switch (count) {
      case 4: return dot_tile<D, 4, N, kFetch>(args, m, n, fetch);
      case 5: return dot_tile<D, 5, N, kFetch>(args, m, n, fetch);
      default: return dot_tile<D, 6, N, kFetch>(args, m, n, fetch);
    }
  }
}

// What comes after the strip of N rows at n.
template <class D, int N>
inline const typename D::W* next_strip(const DotRows& args, int64_t n) {
  if (n + N >= args.num_rows) return static_cast<const typename D::W*>(args.next_w);
  return static_cast<const typename D::W*>(args.w) + (n + N) * args.k;
}

// N rows for all tokens, in tiles of nearly equal height. Where there are several, the first two
// fetch half of the next strip each, so that memory and arithmetic are busy together.
template <class D, int N>
inline void dot_strip(const DotRows& args, int64_t n) {
  const auto* next = next_strip<D, N>(args, n);
  int64_t tiles = (args.num_x + V::kMaxTokens - 1) / V::kMaxTokens;
  if (tiles == 1) return dot_tokens<D, N, N>(args, 0, static_cast<int>(args.num_x), n, next);
  constexpr int kHalf = (N + 1) / 2;
  for (int64_t m = 0, tile = 0; m < args.num_x; tile++, tiles--) {
    const int count = static_cast<int>((args.num_x - m + tiles - 1) / tiles);
    if (tile < 2) {
      dot_tokens<D, N, kHalf>(args, m, count, n, next + tile * (N / 2) * args.k);
    } else {
      dot_tokens<D, N, 0>(args, m, count, n, next);
    }
    m += count;
  }
}

// Eight rows at once for so few tokens that four rows' sums would not hide their latency.
template <class D, int M>
inline int64_t dot_wide(const DotRows& args) {
  int64_t n = 0;
  for (; n + 8 <= args.num_rows; n += 8) {
    dot_tile<D, M, 8, 8>(args, 0, n, next_strip<D, 8>(args, n));
  }
  return n;
}

template <class D>
void dot_rows(const DotRows& args) {
  int64_t n = 0;
  if (args.num_x == 1) n = dot_wide<D, 1>(args);
  if constexpr (V::kWideTokens > 1) {
    if (args.num_x == 2) n = dot_wide<D, 2>(args);
  }
  for (; n + 4 <= args.num_rows; n += 4) dot_strip<D, 4>(args, n);
  for (; n < args.num_rows; n++) dot_strip<D, 1>(args, n);
}

}  // namespace
}  // namespace conclave::cpu

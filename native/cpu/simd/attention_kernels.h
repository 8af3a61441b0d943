#pragma once
// One span of keys, in tiles of up to four rows: scores for whole groups of 16 keys without a
// horizontal sum, softmax, weighted values, merge. Each score runs over its dimensions and each sum
// of values over its positions in rising order, so the rows of a tile do not see one another. Pages
// are read as lanes of 32 bits: one f32, a pair of bf16 or a quad of int8. Included after
// row_kernels.h.

namespace conclave::cpu {
namespace {

constexpr int64_t kSpan = kKeyGroup * kSpanGroups;
constexpr int kTileRows = 4;
constexpr int kGroupVectors = kKeyGroup / V::kLanes;

// Keys and values that stand for themselves: no scales before a group.
struct NoScales {
  static constexpr int64_t kHeader = 0;
  static V::F scaled(V::F scores, const void*, int64_t) { return scores; }
  static void scale_weights(float*, int64_t, const void* const*) {}
};

// How a kind of page is multiplied: kPack values of q (or probabilities) with one lane. pack()
// makes them of n floats; what an odd last lane has too many is zero. keep(v, n): the first n
// values of a lane, zero for the others.
struct F32Pages : NoScales {
  using Q = float;
  using Lanes = V::F;
  static constexpr int64_t kPack = 1;
  static Lanes load(const char* p) { return V::load(reinterpret_cast<const float*>(p)); }
  static Lanes load_part(const char* p, int64_t n) {
    return V::load_part(reinterpret_cast<const float*>(p), n);
  }
  static Lanes keep(Lanes v, int64_t) { return v; }
  static V::F mac(V::F sum, const Q* q, Lanes v) { return V::fma(V::set1(q[0]), v, sum); }
  static void pack(Q* out, const float* x, int64_t n) { to_f32<kWeightF32>(out, x, n); }
};

// bf16 pages with f32 arithmetic: pairs are widened on the way.
struct WideBf16Pages : NoScales {
  using Q = float;
  using Lanes = V::I;
  static constexpr int64_t kPack = 2;
  static Lanes load(const char* p) { return V::load_pairs(p); }
  static Lanes load_part(const char* p, int64_t n) { return V::load_pairs_part(p, n); }
  static Lanes keep(Lanes v, int64_t) { return V::keep_even(v); }
  static V::F mac(V::F sum, const Q* q, Lanes v) {
    return V::fma(V::set1(q[1]), V::odd(v), V::fma(V::set1(q[0]), V::even(v), sum));
  }
  static void pack(Q* out, const float* x, int64_t n) {
    to_f32<kWeightF32>(out, x, n);
    if (n % 2) out[n] = 0;
  }
};

// int8 pages with f32 arithmetic. Scales of keys multiply finished scores, those of values the
// probabilities. An int8 is never NaN, so positions beyond the last need a zero weight and no mask.
struct WideI8Pages {
  using Q = float;
  using Lanes = V::I;
  static constexpr int64_t kPack = 4;
  static constexpr int64_t kHeader = kKvScaleBytes;
  static Lanes load(const char* p) { return V::load_pairs(p); }
  static Lanes load_part(const char* p, int64_t n) { return V::load_pairs_part(p, n); }
  static Lanes keep(Lanes v, int64_t) { return v; }
  static V::F mac(V::F sum, const Q* q, Lanes v) {
    sum = V::fma(V::set1(q[0]), V::byte<0>(v), sum);
    sum = V::fma(V::set1(q[1]), V::byte<1>(v), sum);
    sum = V::fma(V::set1(q[2]), V::byte<2>(v), sum);
    return V::fma(V::set1(q[3]), V::byte<3>(v), sum);
  }
  static void pack(Q* out, const float* x, int64_t n) {
    to_f32<kWeightF32>(out, x, n);
    for (; n % kPack; n++) out[n] = 0;
  }
  // The scores of V::kLanes positions of a group, from position p on.
  static V::F scaled(V::F scores, const void* group, int64_t p) {
    return V::mul(scores, V::load(static_cast<const float*>(group) + p));
  }
  static void scale_weights(float* p, int64_t count, const void* const* groups) {
    over_row(
        count, [&](int64_t i) { V::store(p + i, V::mul(V::load(p + i), scales(groups, i))); },
        [&](int64_t i, int64_t n) {
          V::store_part(p + i, V::mul(V::load_part(p + i, n), scales(groups, i)), n);
        });
  }

 private:
  static V::F scales(const void* const* groups, int64_t i) {
    return V::load(static_cast<const float*>(groups[i / kKeyGroup]) + i % kKeyGroup);
  }
};

// out[m][0 … G·16) = q[m] · keys of G groups
template <class P, int M, int G, bool kFetch>
inline void score_groups(float (*out)[kSpan], int64_t column, const typename P::Q* q,
                         int64_t stride, const void* const* groups, const void* const* fetch,
                         int64_t dim) {
  constexpr int N = G * kGroupVectors;
  V::F sums[M][N];
  const char* keys[N];
  CONCLAVE_UNROLL
  for (int n = 0; n < N; n++) {
    keys[n] = static_cast<const char*>(groups[n / kGroupVectors]) + P::kHeader +
              n % kGroupVectors * V::kLanes * 4;
    CONCLAVE_UNROLL
    for (int m = 0; m < M; m++) sums[m][n] = V::zero();
  }
  for (int64_t d = 0; d < dim; d += P::kPack) {
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) {
      const int64_t at = d / P::kPack * kKeyGroup * 4;
      if constexpr (kFetch) {
        _mm_prefetch(static_cast<const char*>(fetch[n / kGroupVectors]) + P::kHeader + at,
                     _MM_HINT_T1);
      }
      const typename P::Lanes key = P::load(keys[n] + at);
      CONCLAVE_UNROLL
      for (int m = 0; m < M; m++) sums[m][n] = P::mac(sums[m][n], q + m * stride + d, key);
    }
  }
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) {
      const int64_t p = n % kGroupVectors * V::kLanes;
      V::store(out[m] + column + n * V::kLanes,
               P::scaled(sums[m][n], groups[n / kGroupVectors], p));
    }
  }
}

template <class P, int M, bool kFetch>
inline void scores(float (*out)[kSpan], const typename P::Q* q, const AttentionSpan& args,
                   int64_t num_groups) {
  const int64_t stride = args.q_stride / 4, dim = args.head_dim;
  const void* const* groups = args.key_groups;
  const void* const* fetch = args.next_key_groups;
  int64_t g = 0;
  for (; g + V::kScoreGroups <= num_groups; g += V::kScoreGroups) {
    score_groups<P, M, V::kScoreGroups, kFetch>(out, g * kKeyGroup, q, stride, groups + g,
                                                fetch + g, dim);
  }
  for (; g < num_groups; g++)
    score_groups<P, M, 1, kFetch>(out, g * kKeyGroup, q, stride, groups + g, fetch + g, dim);
}

// In place: scores of `count` keys → exp(scale · score − max), zero from there to the end of the
// group.
inline void softmax(float* p, int64_t count, float scale, float& max, float& sum) {
  const V::F lowest = V::set1(-__builtin_inff());
  const int64_t end = (count + kKeyGroup - 1) / kKeyGroup * kKeyGroup;
  V::F high = lowest;
  for (int64_t i = 0; i < end; i += V::kLanes) {
    const V::F s = V::mul(V::load(p + i), V::set1(scale));
    V::store(p + i, s);
    high = V::max(high, V::select_first(count - i, s, lowest));
  }
  max = lane_max(high);
  V::F sums = V::zero();
  for (int64_t i = 0; i < end; i += V::kLanes) {
    const V::F e = V::select_first(count - i, exp(V::sub(V::load(p + i), V::set1(max))), V::zero());
    V::store(p + i, e);
    sums = V::add(sums, e);
  }
  sum = lane_sum(sums);
}

// out[m][d …] += sum over positions [begin, end) of p[m][i] · values[i][d …], N vectors; `begin`
// starts a pack.
template <class P, int M, int N, bool kFetch, class Load>
inline void value_block(float (*out)[kMaxHeadDim], const typename P::Q (*p)[kSpan],
                        const void* const* groups, const void* const* fetch, int64_t begin,
                        int64_t end, int64_t dim, int64_t d, Load load) {
  V::F sums[M][N];
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) sums[m][n] = V::load(out[m] + d + n * V::kLanes);
  }
  int64_t i = begin;
  while (i < end) {
    const char* values = static_cast<const char*>(groups[i / kKeyGroup]) + P::kHeader + d * 4;
    const char* ahead = static_cast<const char*>(fetch[i / kKeyGroup]) + P::kHeader + d * 4;
    const int64_t group_end = i / kKeyGroup * kKeyGroup + kKeyGroup;
    const int64_t stop = group_end < end ? group_end : end;
    for (; i + P::kPack <= stop; i += P::kPack) {
      const int64_t at = i % kKeyGroup / P::kPack * dim * 4;
      CONCLAVE_UNROLL
      for (int n = 0; n < N; n++) {
        if constexpr (kFetch) _mm_prefetch(ahead + at + n * V::kLanes * 4, _MM_HINT_T1);
        const typename P::Lanes v = load(values + at + n * V::kLanes * 4);
        CONCLAVE_UNROLL
        for (int m = 0; m < M; m++) sums[m][n] = P::mac(sums[m][n], p[m] + i, v);
      }
    }
    if (i == stop) continue;
    // Part of a lane: the rest of it may hold anything.
    const char* row = values + i % kKeyGroup / P::kPack * dim * 4;
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) {
      const typename P::Lanes v = P::keep(load(row + n * V::kLanes * 4), stop - i);
      CONCLAVE_UNROLL
      for (int m = 0; m < M; m++) {
        typename P::Q part[P::kPack] = {};
        for (int64_t j = i; j < stop; j++) part[j - i] = p[m][j];
        sums[m][n] = P::mac(sums[m][n], part, v);
      }
    }
    i = stop;
  }
  CONCLAVE_UNROLL
  for (int m = 0; m < M; m++) {
    CONCLAVE_UNROLL
    for (int n = 0; n < N; n++) V::store(out[m] + d + n * V::kLanes, sums[m][n]);
  }
}

template <class P, int M, bool kFetch>
inline void values(float (*out)[kMaxHeadDim], const typename P::Q (*p)[kSpan],
                   const void* const* groups, const void* const* fetch, int64_t begin, int64_t end,
                   int64_t dim) {
  constexpr int64_t kWide = V::kValueVectors * V::kLanes;
  const auto full = [](const char* at) { return P::load(at); };
  int64_t d = 0;
  for (; d + kWide <= dim; d += kWide) {
    value_block<P, M, V::kValueVectors, kFetch>(out, p, groups, fetch, begin, end, dim, d, full);
  }
  for (; d + V::kLanes <= dim; d += V::kLanes) {
    value_block<P, M, 1, kFetch>(out, p, groups, fetch, begin, end, dim, d, full);
  }
  const int64_t left = dim - d;
  const auto part = [left](const char* at) { return P::load_part(at, left); };
  if (left > 0) value_block<P, M, 1, false>(out, p, groups, fetch, begin, end, dim, d, part);
}

// Sums that begin at +0 stay free of −0, whatever a later span's are: rows that are computed beside
// others may meet more products with zero than alone.
inline void merge_row(float* y, const float* span_y, V::F old_scale, V::F span_scale, int64_t dim) {
  const auto merged = [&](V::F old, V::F span) {
    return V::fma(old, old_scale, V::mul(V::add(span, V::zero()), span_scale));
  };
  over_row(
      dim, [&](int64_t d) { V::store(y + d, merged(V::load(y + d), V::load(span_y + d))); },
      [&](int64_t d, int64_t n) {
        V::store_part(y + d, merged(V::load_part(y + d, n), V::load_part(span_y + d, n)), n);
      });
}

void attention_merge(const AttentionMerge& args) {
  for (int64_t first = 0; first < args.num_rows; first += V::kLanes) {
    const int64_t left = args.num_rows - first, n = left < V::kLanes ? left : V::kLanes;
    float states[4][V::kLanes] = {}, old_scales[V::kLanes], span_scales[V::kLanes];
    for (int64_t r = 0; r < n; r++) {
      states[0][r] = args.max[first + r];
      states[1][r] = args.sum[first + r];
      states[2][r] = args.span_max[first + r];
      states[3][r] = args.span_sum[first + r];
    }
    const V::F max = V::load(states[0]), span_max = V::load(states[2]);
    const V::F new_max = V::max(span_max, max);
    const V::F old_scale = exp(V::sub(max, new_max)), span_scale = exp(V::sub(span_max, new_max));
    const V::F sum =
        V::add(V::mul(V::load(states[1]), old_scale), V::mul(V::load(states[3]), span_scale));
    V::store(old_scales, old_scale);
    V::store(span_scales, span_scale);
    V::store(states[0], new_max);
    V::store(states[1], sum);
    for (int64_t r = 0; r < n; r++) {
      const int64_t row = first + r;
      args.max[row] = states[0][r];
      args.sum[row] = states[1][r];
      merge_row(args.y + row * args.head_dim, args.span_y + row * args.span_stride,
                V::set1(old_scales[r]), V::set1(span_scales[r]), args.head_dim);
    }
  }
}

// kFetch: this tile is the span's first, and brings the next span near while it is computed.
template <class K, class P, int M, bool kFetch>
inline void span_tile(const AttentionSpan& args, int64_t first) {
  const int64_t dim = args.head_dim;
  const int32_t* counts = args.counts + first;
  static_assert(sizeof(typename K::Q) == 4);
  const auto* q = static_cast<const typename K::Q*>(args.q) + first * args.q_stride / 4;
  alignas(64) float p[M][kSpan];
  alignas(64) typename P::Q packed[M][kSpan];
  alignas(64) float out[M][kMaxHeadDim];
  float max[M], sum[M];
  for (int m = 0; m < M; m++) {
    for (int64_t d = 0; d < dim; d += V::kLanes) V::store(out[m] + d, V::zero());
  }
  scores<K, M, kFetch>(p, q, args, (counts[M - 1] + kKeyGroup - 1) / kKeyGroup);
  for (int m = 0; m < M; m++) {
    softmax(p[m], counts[m], args.scale, max[m], sum[m]);
    P::scale_weights(p[m], counts[m], args.value_groups);
    P::pack(packed[m], p[m], counts[m]);
  }
  // Positions that all rows see are read once; what a later row sees beyond them is its own, not a
  // product with zero.
  const int64_t seen_by_all = counts[0] / P::kPack * P::kPack;
  values<P, M, kFetch>(out, packed, args.value_groups, args.next_value_groups, 0, seen_by_all, dim);
  for (int m = 0; m < M; m++) {
    if (counts[m] > seen_by_all)
      values<P, 1, false>(out + m, packed + m, args.value_groups, args.value_groups, seen_by_all,
                          counts[m], dim);
  }
  attention_merge({args.y + first * dim, args.max + first, args.sum + first, out[0], max, sum, M,
                   dim, kMaxHeadDim});
}

template <class K, class P, bool kFetch>
inline void span_rows(const AttentionSpan& args, int64_t first, int64_t num_rows) {
  switch (num_rows) {
    case 1: return span_tile<K, P, 1, kFetch>(args, first);
    case 2: return span_tile<K, P, 2, kFetch>(args, first);
    case 3: return span_tile<K, P, 3, kFetch>(args, first);
    default: return span_tile<K, P, kTileRows, kFetch>(args, first);
  }
}

// K multiplies queries with keys, P probabilities with values.
template <class K, class P>
void attention_span(const AttentionSpan& args) {
  span_rows<K, P, true>(args, 0, args.num_rows);
  for (int64_t r = kTileRows; r < args.num_rows; r += kTileRows) {
    span_rows<K, P, false>(args, r, args.num_rows - r);
  }
}

template <class K>
void convert_query(void* out, const float* q, int64_t head_dim) {
  K::pack(static_cast<typename K::Q*>(out), q, head_dim);
}

template <class K, class P>
constexpr AttentionKernel attention_kernel() {
  return {convert_query<K>, attention_span<K, P>};
}

}  // namespace
}  // namespace conclave::cpu

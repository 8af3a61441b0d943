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
inline void score_groups(float (*out)[kSpan], int64_t column, const typename P::Q (*q)[kMaxHeadDim],
                         const void* const* groups, const void* const* fetch, int64_t dim) {
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
      for (int m = 0; m < M; m++) sums[m][n] = P::mac(sums[m][n], q[m] + d, key);
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
inline void scores(float (*out)[kSpan], const typename P::Q (*q)[kMaxHeadDim],
                   const void* const* groups, const void* const* fetch, int64_t num_groups,
                   int64_t dim) {
  int64_t g = 0;
  for (; g + V::kScoreGroups <= num_groups; g += V::kScoreGroups) {
    score_groups<P, M, V::kScoreGroups, kFetch>(out, g * kKeyGroup, q, groups + g, fetch + g, dim);
  }
  for (; g < num_groups; g++)
    score_groups<P, M, 1, kFetch>(out, g * kKeyGroup, q, groups + g, fetch + g, dim);
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

// (max, sum, y) of a row ← its merge with a span's own.
inline void merge(float* y, float& max, float& sum, const float* span_y, float span_max,
                  float span_sum, int64_t dim) {
  const float new_max = span_max > max ? span_max : max;
  const V::F old_scale = exp(V::set1(max - new_max)), span_scale = exp(V::set1(span_max - new_max));
  over_row(
      dim,
      [&](int64_t d) {
        V::store(y + d, V::fma(V::load(y + d), old_scale, V::mul(V::load(span_y + d), span_scale)));
      },
      [&](int64_t d, int64_t n) {
        V::store_part(
            y + d,
            V::fma(V::load_part(y + d, n), old_scale, V::mul(V::load(span_y + d), span_scale)), n);
      });
  float scales[2][V::kLanes];
  V::store(scales[0], old_scale);
  V::store(scales[1], span_scale);
  sum = sum * scales[0][0] + span_sum * scales[1][0];
  max = new_max;
}

// kFetch: this tile is the span's first, and brings the span's values and the next span's keys near
// while it is computed.
template <class K, class P, int M, bool kFetch>
inline void span_tile(const AttentionSpan& args, int64_t first) {
  const int64_t dim = args.head_dim;
  const int32_t* counts = args.counts + first;
  alignas(64) typename K::Q q[M][kMaxHeadDim];
  alignas(64) float p[M][kSpan];
  alignas(64) typename P::Q packed[M][kSpan];
  alignas(64) float out[M][kMaxHeadDim];
  float max[M], sum[M];
  for (int m = 0; m < M; m++) {
    K::pack(q[m], args.q + (first + m) * dim, dim);
    for (int64_t d = 0; d < dim; d += V::kLanes) V::store(out[m] + d, V::zero());
  }
  scores<K, M, kFetch>(p, q, args.key_groups, args.value_groups,
                       (counts[M - 1] + kKeyGroup - 1) / kKeyGroup, dim);
  for (int m = 0; m < M; m++) {
    softmax(p[m], counts[m], args.scale, max[m], sum[m]);
    P::scale_weights(p[m], counts[m], args.value_groups);
    P::pack(packed[m], p[m], counts[m]);
  }
  // Positions that all rows see are read once; what a later row sees beyond them is its own, not a
  // product with zero.
  const int64_t seen_by_all = counts[0] / P::kPack * P::kPack;
  values<P, M, kFetch>(out, packed, args.value_groups, args.next_key_groups, 0, seen_by_all, dim);
  for (int m = 0; m < M; m++) {
    if (counts[m] > seen_by_all)
      values<P, 1, false>(out + m, packed + m, args.value_groups, args.value_groups, seen_by_all,
                          counts[m], dim);
    const int64_t r = first + m;
    merge(args.y + r * dim, args.max[r], args.sum[r], out[m], max[m], sum[m], dim);
  }
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

}  // namespace
}  // namespace conclave::cpu

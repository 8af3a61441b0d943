#pragma once
// The arithmetic of sample.h, the same on every device: edits of a logit, weights of tokens as
// whole numbers, and what is asked of their sums. Sums of whole numbers have no order, so a device
// may take them in any; f64 stands where one value alone is looked at.
#include <limits>

#include "core/exact_math.h"

namespace conclave::ops {

// Ids of a row; with more, sums of weights could pass 64 bits.
constexpr int64_t kMaxSampledIds = (1 << 20) - 1;

// What one edit does to the logit of an id; where an id has several they come in this order.
enum class EditKind : int32_t { bias, repetition, count, ban };

struct Edit {
  int32_t id;
  EditKind kind;
  double value;  // the bias; how often the id was generated
};

struct Penalties {
  float repetition, presence, frequency;
};

template <class Product>
constexpr float edited(float x, const Edit& edit, const Penalties& p, Product mul) {
  const double logit = x, repetition = p.repetition;
  switch (edit.kind) {
    case EditKind::bias: return static_cast<float>(logit + edit.value);
    case EditKind::repetition:
      return static_cast<float>(logit > 0 ? logit / repetition : mul(logit, repetition));
    case EditKind::count:
      return static_cast<float>(logit - static_cast<double>(p.presence) -
                                mul(static_cast<double>(p.frequency), edit.value));
    case EditKind::ban: break;
  }
  return -std::numeric_limits<float>::infinity();
}

// Rises with the float; −0 and +0 are one value.
constexpr uint32_t sort_key(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x == 0 ? 0.0f : x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
constexpr float value_of(uint32_t key) {
  return std::bit_cast<float>(key & 0x80000000u ? key ^ 0x80000000u : ~key);
}
// Of the least finite value.
constexpr uint32_t kLowestKey = 0x00800000u;

// The weight of the best token.
constexpr uint64_t kOne = uint64_t{1} << 44;

// exp((x − top) / temperature) in units of 1 / kOne, to the nearest; 0 for −Inf.
template <class Product>
constexpr uint64_t weight(float x, float top, double temperature, Product mul) {
  const double e =
      exact_exp((static_cast<double>(x) - static_cast<double>(top)) / temperature, mul);
  constexpr double kShift = 384.0;  // whose last bit is 1 / kOne
  return std::bit_cast<uint64_t>(e + kShift) - std::bit_cast<uint64_t>(kShift);
}
// A lower logit may weigh this much more: exact_exp is within 2 ulp, and rises but for that.
constexpr uint64_t kWeightSlack = 1;

// The least whole number that is not below d, for 0 ≤ d < 2^64.
constexpr uint64_t round_up(double d) {
  const uint64_t whole = static_cast<uint64_t>(d);
  return whole + (static_cast<double>(whole) < d ? 1 : 0);
}

// A token stays while those above it weigh less than this. Never 0: the best one stays.
constexpr uint64_t top_p_target(float top_p, uint64_t total) {
  const uint64_t target = round_up(static_cast<double>(top_p) * static_cast<double>(total));
  return target > 0 ? target : 1;
}
// Tokens below this weight weigh together less than what top_p cuts off.
constexpr uint64_t negligible(float top_p, uint64_t total, int64_t n) {
  const double cut_off = (1 - static_cast<double>(top_p)) * static_cast<double>(total);
  return static_cast<uint64_t>(0.5 * cut_off / static_cast<double>(n));
}

// The least weight that min_p keeps: at most the best token's.
constexpr uint64_t least_weight(float min_p) {
  return min_p < 1 ? round_up(static_cast<double>(min_p) * static_cast<double>(kOne)) : kOne;
}

// The token is drawn with which the sum of weights, by id, passes this: below total.
constexpr uint64_t drawn(uint64_t random, uint64_t total) { return multiply_high(random, total); }

// ln Σ exp(x), from Σ exp(x − top) in units of 1 / kOne.
template <class Product>
constexpr double log_sum(float top, uint64_t total, Product mul) {
  return static_cast<double>(top) +
         exact_log(static_cast<double>(total) * (1.0 / static_cast<double>(kOne)), mul);
}

}  // namespace conclave::ops

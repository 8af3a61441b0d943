#pragma once
// exp, log and random numbers that give the same bits on every machine and device: plain f64
// arithmetic in one order, no libm. `mul` gives a product that is rounded by itself; where a
// compiler fuses products with sums behind them, as nvcc does, it must be a function that it does
// not look into.
#include <bit>
#include <cstdint>

namespace conclave {

// For compilers that are told not to fuse (-ffp-contract=off).
struct PlainProduct {
  constexpr double operator()(double a, double b) const { return a * b; }
};

// e^x for x ≤ 0 within 2 ulp; below −700 it is 0. Branch-free, so that loops over it vectorise.
template <class Product>
constexpr double exact_exp(double x, Product mul) {
  constexpr double kLog2e = 1.4426950408889634, kRound = 6755399441055744.0;  // 1.5 · 2^52
  constexpr double kLn2Hi = 0x1.62e42fee00000p-1, kLn2Lo = 0x1.a39ef35793c76p-33;
  const double shifted = mul(x, kLog2e) + kRound;
  const double n = shifted - kRound;
  const double r = (x - mul(n, kLn2Hi)) - mul(n, kLn2Lo);  // |r| ≤ ln2 / 2
  double p = 1.0 / 6227020800.0;
  p = mul(p, r) + 1.0 / 479001600.0;
  p = mul(p, r) + 1.0 / 39916800.0;
  p = mul(p, r) + 1.0 / 3628800.0;
  p = mul(p, r) + 1.0 / 362880.0;
  p = mul(p, r) + 1.0 / 40320.0;
  p = mul(p, r) + 1.0 / 5040.0;
  p = mul(p, r) + 1.0 / 720.0;
  p = mul(p, r) + 1.0 / 120.0;
  p = mul(p, r) + 1.0 / 24.0;
  p = mul(p, r) + 1.0 / 6.0;
  p = mul(p, r) + 0.5;
  p = mul(p, r) + 1.0;
  p = mul(p, r) + 1.0;
  // The low bits of `shifted` hold n as an integer: add it to the exponent.
  const uint64_t scale = (std::bit_cast<uint64_t>(shifted) + 1023u) << 52;
  const uint64_t y = std::bit_cast<uint64_t>(mul(p, std::bit_cast<double>(scale)));
  // Below −700 all the above is noise, NaN perhaps: the sign of x + 700 drops it without a branch.
  const uint64_t keep = (std::bit_cast<uint64_t>(x + 700.0) >> 63) - 1;
  return std::bit_cast<double>(y & keep);
}

// ln x for finite x > 0, normal.
template <class Product>
constexpr double exact_log(double x, Product mul) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  double e = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1.0;
  }
  const double t = (m - 1.0) / (m + 1.0), t2 = mul(t, t);  // |t| ≤ 0.172: ln m = 2 atanh t
  double p = 1.0 / 23.0;
  for (int k = 21; k >= 1; k -= 2) p = mul(p, t2) + 1.0 / k;
  return mul(e, 0.6931471805599453) + mul(2.0 * t, p);
}

constexpr uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// The n-th random number of a seed, 64 bits; a pure function of both, no state.
constexpr uint64_t random_number(uint64_t seed, uint64_t n) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
  return mix64(mix64(seed + kGolden) + kGolden * (n + 1));
}

// The upper half of a product.
constexpr uint64_t multiply_high(uint64_t a, uint64_t b) {
  const uint64_t a_low = a & 0xffffffffu, a_high = a >> 32;
  const uint64_t b_low = b & 0xffffffffu, b_high = b >> 32;
  const uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
  const uint64_t other = a_low * b_high + (middle & 0xffffffffu);
  return a_high * b_high + (middle >> 32) + (other >> 32);
}

}  // namespace conclave

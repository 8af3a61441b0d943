// The search for the scales of int8 weights: the plain version against f64, the others against it.
#include <cmath>

#include "harness.h"
#include "quant/int8_groups.h"

namespace conclave::test {

namespace {

constexpr int64_t kCounts[] = {1, 2, 7, 31, 32, 33, 64, 1000, 4096};
constexpr double kRounding = 4096 * 0x1p-24;  // as many additions, each to the nearest f32

struct Sums {
  std::vector<float> xq = poisoned(quant::kScaleTries), qq = poisoned(quant::kScaleTries);
};

void against_f64(const Sums& sums, const std::vector<float>& x, float factor) {
  std::vector<double> xq, qq, size;
  for (const float level : quant::kTriedLevels.at) {
    double product = 0, square = 0;
    for (const float v : x) {
      const float unit = v * factor;
      const double q = std::nearbyint(unit * level);
      product += unit * q;
      square += q * q;
    }
    xq.push_back(product);
    qq.push_back(square);
  }
  check_close(sums.xq, xq, xq, kRounding, "try_scales: x · q");
  check_close(sums.qq, qq, qq, kRounding, "try_scales: q · q");
}

}  // namespace

void test_scales(const cpu::Kernels& kernels) {
  for (const int64_t n : kCounts) {
    std::vector<float> x = random_floats(n, static_cast<uint64_t>(n), 0.02f);
    x[static_cast<size_t>(n / 2)] = -0.02f;  // the largest
    if (n > 7) x[3] = 1e-40f, x[4] = -0.0f;
    Sums plain, sums;
    quant::try_scales(plain.xq.data(), plain.qq.data(), x.data(), n, 1 / 0.02f);
    against_f64(plain, x, 1 / 0.02f);
    kernels.try_scales(sums.xq.data(), sums.qq.data(), x.data(), n, 1 / 0.02f);
    const std::string name = std::string(kernels.name) + " try_scales " + std::to_string(n);
    check_same_bits(sums.xq.data(), plain.xq.data(), quant::kScaleTries, name);
    check_same_bits(sums.qq.data(), plain.qq.data(), quant::kScaleTries, name);
  }
}

}  // namespace conclave::test

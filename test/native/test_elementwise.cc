#include <cmath>

#include "harness.h"
#include "ops/add.h"
#include "ops/embed.h"
#include "ops/gather_rows.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/silu_mul.h"

namespace conclave::test {

namespace {

constexpr int64_t kWidths[] = {1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 1000};
constexpr int64_t kTokens[] = {1, 3, 40};

std::string name(const char* op, const cpu::Kernels& kernels, int64_t t, int64_t n) {
  return std::string(kernels.name) + " " + op + " " + std::to_string(t) + "x" + std::to_string(n);
}

void add_and_silu(Machine& machine, int64_t t, int64_t n) {
  const cpu::Kernels& kernels = machine.kernels;
  std::vector<float> a = random_floats(t * n, 1, 20), b = random_floats(t * n, 2),
                     y = poisoned(t * n);
  std::vector<double> sum, silu;
  for (size_t i = 0; i < a.size(); i++) {
    sum.push_back(double{a[i]} + b[i]);
    silu.push_back(a[i] / (1 + std::exp(-double{a[i]})) * b[i]);
  }
  ops::add(tensor(y, {t, n}), tensor(a, {t, n}), tensor(b, {t, n}), machine.stream);
  check_close(y, sum, 2e-6, name("add", kernels, t, n));
  y = poisoned(t * n);
  ops::silu_mul(tensor(y, {t, n}), tensor(a, {t, n}), tensor(b, {t, n}), machine.stream);
  check_close(y, silu, 4e-6, name("silu_mul", kernels, t, n));
  std::vector<float> alias = a;
  ops::silu_mul(tensor(alias, {t, n}), tensor(alias, {t, n}), tensor(b, {t, n}), machine.stream);
  check_same_bits(alias.data(), y.data(), t * n, name("silu_mul in place", kernels, t, n));
}

void silu_extremes(Machine& machine) {
  std::vector<float> gate = {0,     -0.0f,  1e-30f, -100, 100, -1e4f, 1e4f,
                             88.5f, -88.5f, -87,    -104, 30,  -30};
  std::vector<float> up(gate.size(), 1), y = poisoned(static_cast<int64_t>(gate.size()));
  const auto n = static_cast<int64_t>(gate.size());
  ops::silu_mul(tensor(y, {1, n}), tensor(gate, {1, n}), tensor(up, {1, n}), machine.stream);
  std::vector<double> want, scale;
  for (float g : gate) {
    want.push_back(g / (1 + std::exp(-double{g})));
    scale.push_back(std::fabs(want.back()) + 1e-30);
  }
  check_close(y, want, scale, 1e-6, name("silu_mul extremes", machine.kernels, 1, n));
  gate[3] = std::nanf("");
  ops::silu_mul(tensor(y, {1, n}), tensor(gate, {1, n}), tensor(up, {1, n}), machine.stream);
  check(std::isnan(y[3]) && !std::isnan(y[2]) && !std::isnan(y[4]),
        "silu_mul: NaN stays in its lane");
}

void rms_norm(Machine& machine, int64_t t, int64_t width, int64_t groups) {
  const int64_t n = width * groups;
  std::vector<float> x = random_floats(t * n, 3, 5), w = random_floats(width, 4),
                     y = poisoned(t * n);
  std::vector<double> want(x.size());
  for (int64_t r = 0; r < t * groups; r++) {
    double sum = 0;
    for (int64_t i = 0; i < width; i++)
      sum += std::pow(double{x[static_cast<size_t>(r * width + i)]}, 2);
    for (int64_t i = 0; i < width; i++) {
      const auto at = static_cast<size_t>(r * width + i);
      want[at] =
          x[at] / std::sqrt(sum / static_cast<double>(width) + 1e-6) * w[static_cast<size_t>(i)];
    }
  }
  ops::rms_norm(tensor(y, {t, n}), tensor(x, {t, n}), tensor(w, {width}), 1e-6f, machine.stream);
  check_close(y, want, 3e-6, name("rms_norm", machine.kernels, t * groups, width));
  ops::rms_norm(tensor(x, {t, n}), tensor(x, {t, n}), tensor(w, {width}), 1e-6f, machine.stream);
  check_same_bits(x.data(), y.data(), t * n, name("rms_norm in place", machine.kernels, t, width));
}

void rope(Machine& machine, int64_t t, int64_t heads, int64_t dim, int64_t half) {
  std::vector<float> x = random_floats(t * heads * dim, 5), inv_freq;
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < t; i++) positions.push_back(static_cast<int32_t>(i * 24999 + 3));
  for (int64_t i = 0; i < half; i++) {
    inv_freq.push_back(
        static_cast<float>(std::pow(1e6, -static_cast<double>(i) / static_cast<double>(half))));
  }
  std::vector<double> want(x.begin(), x.end());
  for (int64_t r = 0; r < t * heads; r++) {
    for (int64_t i = 0; i < half; i++) {
      const double angle =
          double{inv_freq[static_cast<size_t>(i)]} * positions[static_cast<size_t>(r / heads)];
      const auto a = static_cast<size_t>(r * dim + i), b = a + static_cast<size_t>(half);
      want[a] = 1.5 * (x[a] * std::cos(angle) - x[b] * std::sin(angle));
      want[b] = 1.5 * (x[b] * std::cos(angle) + x[a] * std::sin(angle));
    }
  }
  ops::rope(tensor(x, {t, heads * dim}), tensor(positions, {t}), tensor(inv_freq, {half}), dim,
            1.5f, machine.stream);
  check_close(x, want, 1e-6, name("rope", machine.kernels, t, heads * dim));
}

void embed_and_gather(Machine& machine, DType dtype, int64_t t, int64_t width) {
  TestWeight w;
  make_weight(w, dtype, 50, width, 6);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < t; i++) ids.push_back(static_cast<int32_t>(i * 37 % 50));
  std::vector<float> y = poisoned(t * width), rows = poisoned(t * width);
  std::vector<double> want;
  for (int32_t id : ids)
    want.insert(want.end(), w.exact.begin() + id * width, w.exact.begin() + (id + 1) * width);
  // Every third token was sampled by a step before: row r of what it chose, −1 for no token.
  std::vector<int32_t> sampled = ids;
  for (size_t i = 0; i < ids.size(); i += 3) {
    if (ids[i] == 0) sampled[i] = -1;
    ids[i] = -1 - static_cast<int32_t>(i);
  }
  ops::embed(tensor(y, {t, width}), tensor(ids, {t}), tensor(sampled, {t}), w.weight,
             machine.stream);
  // i8: one product with the scale, rounded to f32; the others are exact
  check_close(y, want, dtype == DType::i8 ? 1.3 * 0x1p-24 : 0x1p-40,
              name("embed", machine.kernels, t, width) + dtype_name(dtype));
  std::vector<int32_t> back;
  for (int64_t i = 0; i < t; i++) back.push_back(static_cast<int32_t>(t - 1 - i));
  ops::gather_rows(tensor(rows, {t, width}), tensor(y, {t, width}), tensor(back, {t}),
                   machine.stream);
  for (int64_t i = 0; i < t; i++) {
    check_same_bits(rows.data() + i * width, y.data() + (t - 1 - i) * width, width, "gather_rows");
  }
}

}  // namespace

void test_elementwise(const cpu::Kernels& kernels) {
  Machine machine(3, kernels);
  for (int64_t t : kTokens) {
    for (int64_t n : kWidths) {
      add_and_silu(machine, t, n);
      rms_norm(machine, t, n, 3);
      for (DType dtype : kWeightDTypes) embed_and_gather(machine, dtype, t, n);
    }
    rope(machine, t, 3, 64, 32);
    rope(machine, t, 2, 40, 5);
    rope(machine, t, 5, 6, 3);
  }
  rms_norm(machine, 300, 2048, 1);
  silu_extremes(machine);
}

}  // namespace conclave::test

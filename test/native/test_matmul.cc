#include <algorithm>
#include <cmath>
#include <iterator>

#include "cpu/weight_format.h"
#include "harness.h"
#include "ops/matmul.h"

namespace conclave::test {

namespace {

struct Case {
  int64_t tokens, in, out;
};

constexpr Case kCases[] = {
    {1, 1, 1},    {1, 15, 3},   {2, 16, 5},     {3, 17, 8},      {4, 31, 9},    {5, 33, 16},
    {6, 100, 17}, {7, 64, 33},  {8, 256, 100},  {16, 130, 31},   {33, 384, 65}, {1, 2048, 300},
    {70, 96, 40}, {1, 1024, 7}, {13, 1000, 64}, {200, 720, 150}, {129, 48, 260}};

// Of sum_k |x·w|: f32 sums over at most 2048 products.
constexpr double kTolerance = 1e-6;

std::string name(const cpu::Kernels& kernels, DType dtype, const Case& c) {
  return std::string(kernels.name) + " matmul " + dtype_name(dtype) + " " +
         std::to_string(c.tokens) + "x" + std::to_string(c.in) + "x" + std::to_string(c.out);
}

void against_f64(const cpu::Kernels& kernels, DType dtype, const Case& c, bool with_bias) {
  Machine machine(3, kernels);
  TestWeight w;
  make_weight(w, dtype, c.out, c.in, 8);
  std::vector<float> x = random_floats(c.tokens * c.in, 9), y = poisoned(c.tokens * c.out);
  std::vector<float> bias = with_bias ? random_floats(c.out, 10) : std::vector<float>{};
  const std::vector<double> a = activations(x, c.in, dtype, kernels);
  std::vector<double> want, scale;
  for (int64_t t = 0; t < c.tokens; t++) {
    for (int64_t n = 0; n < c.out; n++) {
      double sum = with_bias ? bias[static_cast<size_t>(n)] : 0, size = std::fabs(sum);
      for (int64_t k = 0; k < c.in; k++) {
        const double p =
            a[static_cast<size_t>(t * c.in + k)] * w.exact[static_cast<size_t>(n * c.in + k)];
        sum += p;
        size += std::fabs(p);
      }
      want.push_back(sum);
      scale.push_back(size);
    }
  }
  ops::matmul(tensor(y, {c.tokens, c.out}), tensor(x, {c.tokens, c.in}), w.weight,
              with_bias ? tensor(bias, {c.out}) : Tensor{}, machine.stream);
  check_close(y, want, scale, kTolerance, name(kernels, dtype, c));
}

// A token's bits do not know how many others there are, where it stands among them, or how many
// threads work.
void bits_do_not_depend_on_the_batch(const cpu::Kernels& kernels, DType dtype, int64_t in,
                                     int64_t out) {
  constexpr int64_t kTokens = 37;
  TestWeight w;
  make_weight(w, dtype, out, in, 11);
  std::vector<float> x = random_floats(kTokens * in, 12), alone = poisoned(kTokens * out);
  Machine one(1, kernels), four(4, kernels);
  for (int64_t t = 0; t < kTokens; t++) {
    std::vector<float> row(x.begin() + t * in, x.begin() + (t + 1) * in), y = poisoned(out);
    ops::matmul(tensor(y, {1, out}), tensor(row, {1, in}), w.weight, {}, one.stream);
    std::copy(y.begin(), y.end(), alone.begin() + t * out);
  }
  for (int64_t m = 1; m <= kTokens; m++) {
    for (int64_t first : {int64_t{0}, kTokens - m}) {
      std::vector<float> rows(x.begin() + first * in, x.begin() + (first + m) * in),
          y = poisoned(m * out);
      Machine& machine = m % 2 ? four : one;
      ops::matmul(tensor(y, {m, out}), tensor(rows, {m, in}), w.weight, {}, machine.stream);
      check_same_bits(y.data(), alone.data() + first * out, m * out,
                      name(kernels, dtype, {m, in, out}) + " differs from one token at a time");
    }
  }
}

// Several matrices in one queue give the bits of one after the other.
void together_is_one_by_one(const cpu::Kernels& kernels, DType dtype, int64_t tokens) {
  constexpr int64_t kIn = 192, kOut[] = {150, 37, 64};
  Machine machine(3, kernels);
  std::vector<float> x = random_floats(tokens * kIn, 17);
  TestWeight weights[std::size(kOut)];
  std::vector<float> together[std::size(kOut)], alone[std::size(kOut)], bias[std::size(kOut)];
  std::vector<ops::Product> products;
  for (size_t i = 0; i < std::size(kOut); i++) {
    make_weight(weights[i], dtype, kOut[i], kIn, 18 + i);
    together[i] = alone[i] = poisoned(tokens * kOut[i]);
    bias[i] = random_floats(kOut[i], 30 + i);
    const auto product = [&](std::vector<float>& y) {
      return ops::Product{tensor(y, {tokens, kOut[i]}), &weights[i].weight,
                          i % 2 ? Tensor{} : tensor(bias[i], {kOut[i]})};
    };
    products.push_back(product(together[i]));
    const ops::Product own = product(alone[i]);
    ops::matmul(own.y, tensor(x, {tokens, kIn}), *own.w, own.bias, machine.stream);
  }
  ops::matmul(products, tensor(x, {tokens, kIn}), machine.stream);
  for (size_t i = 0; i < std::size(kOut); i++) {
    check_same_bits(together[i].data(), alone[i].data(), tokens * kOut[i],
                    name(kernels, dtype, {tokens, kIn, kOut[i]}) + " differs beside others");
  }
}

// Whole numbers leave one order: every set gives the bits of the plain one, and NaN is not lost.
void int8_is_the_same_everywhere(const cpu::Kernels& kernels, DType dtype) {
  constexpr int64_t kTokens = 27, kIn = 164, kOut = 37;
  TestWeight w;
  make_weight(w, dtype, kOut, kIn, 15);
  std::vector<float> x = random_floats(kTokens * kIn, 16), y = poisoned(kTokens * kOut), plain = y;
  std::fill(x.begin() + kIn, x.begin() + 2 * kIn, 0.0f);
  x[2 * kIn + 40] = std::nanf("");
  Machine machine(2, kernels), specification(1, *cpu::find_kernels("plain"));
  const auto run = [&](std::vector<float>& out, Machine& on) {
    ops::matmul(tensor(out, {kTokens, kOut}), tensor(x, {kTokens, kIn}), w.weight, {}, on.stream);
  };
  run(y, machine);
  run(plain, specification);
  for (int64_t t = 0; t < kTokens; t++) {
    const float* row = y.data() + t * kOut;
    if (t == 2)
      check(std::all_of(row, row + kOut, [](float v) { return std::isnan(v); }),
            name(kernels, dtype, {1, kIn, kOut}) + " loses NaN");
    else
      check_same_bits(row, plain.data() + t * kOut, kOut,
                      name(kernels, dtype, {1, kIn, kOut}) + " differs from the plain set");
  }
}

}  // namespace

void test_matmul(const cpu::Kernels& kernels) {
  for (DType dtype : kWeightDTypes) {
    for (const Case& c : kCases) {
      against_f64(kernels, dtype, c, false);
      against_f64(kernels, dtype, c, true);
    }
    if (dtype == DType::i8 && !device().stream) int8_is_the_same_everywhere(kernels, dtype);
    if (!device().deterministic) continue;
    bits_do_not_depend_on_the_batch(kernels, dtype, 100, 37);
    bits_do_not_depend_on_the_batch(kernels, dtype, 256, 70);
    bits_do_not_depend_on_the_batch(kernels, dtype, 33, 11);
    bits_do_not_depend_on_the_batch(kernels, dtype, 192, 150);
    for (int64_t tokens : {0, 1, 3, 20}) together_is_one_by_one(kernels, dtype, tokens);
  }
}

}  // namespace conclave::test

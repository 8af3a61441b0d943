#include <cmath>

#include "cpu/weight_format.h"
#include "harness.h"
#include "ops/moe_experts.h"

namespace conclave::test {

namespace {

struct Case {
  int64_t tokens, hidden, intermediate, num_experts, k;
};

constexpr Case kCases[] = {{1, 16, 16, 4, 2},   {3, 17, 15, 5, 3},    {1, 256, 128, 16, 2},
                           {9, 33, 31, 4, 4},   {40, 100, 70, 16, 2}, {150, 64, 96, 3, 2},
                           {5, 64, 200, 40, 8}, {600, 16, 17, 8, 2},  {90, 144, 208, 4, 2}};

struct Model {
  std::vector<TestWeight> gate, up, down;
  ops::ExpertTable table;
  std::vector<float> x, weights;
  std::vector<int32_t> ids;
};

void make_model(Model& m, DType dtype, const Case& c) {
  for (auto* list : {&m.gate, &m.up, &m.down}) list->resize(static_cast<size_t>(c.num_experts));
  for (int64_t e = 0; e < c.num_experts; e++) {
    const auto i = static_cast<size_t>(e);
    const auto seed = static_cast<uint64_t>(100 + 10 * e);
    make_weight(m.gate[i], dtype, c.intermediate, c.hidden, seed);
    make_weight(m.up[i], dtype, c.intermediate, c.hidden, seed + 2);
    make_weight(m.down[i], dtype, c.hidden, c.intermediate, seed + 4);
    m.table.gate.push_back(m.gate[i].weight);
    m.table.up.push_back(m.up[i].weight);
    m.table.down.push_back(m.down[i].weight);
  }
  m.x = random_floats(c.tokens * c.hidden, 13);
  m.weights = random_floats(c.tokens * c.k, 14);
  for (int64_t t = 0; t < c.tokens; t++) {
    // Distinct experts a token, unevenly spread over the table.
    for (int64_t j = 0; j < c.k; j++)
      m.ids.push_back(static_cast<int32_t>((t * t + j) % c.num_experts));
  }
}

std::vector<float> run(Model& m, const Case& c, int64_t first, int64_t count, Machine& machine) {
  std::vector<float> x(m.x.begin() + first * c.hidden, m.x.begin() + (first + count) * c.hidden);
  std::vector<float> weights(m.weights.begin() + first * c.k,
                             m.weights.begin() + (first + count) * c.k);
  std::vector<int32_t> ids(m.ids.begin() + first * c.k, m.ids.begin() + (first + count) * c.k);
  std::vector<float> y = poisoned(count * c.hidden);
  ops::moe_experts(tensor(y, {count, c.hidden}), tensor(x, {count, c.hidden}),
                   tensor(ids, {count, c.k}), tensor(weights, {count, c.k}), m.table,
                   machine.stream);
  return y;
}

double dot(const double* a, const std::vector<double>& w, int64_t row, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * w[static_cast<size_t>(row * n + i)];
  return sum;
}

void against_f64(const cpu::Kernels& kernels, DType dtype, const Case& c) {
  Model m;
  make_model(m, dtype, c);
  Machine machine(3, kernels);
  const auto form = kernels.matmul[format_of(dtype)].activations;
  // Of each product, and of the largest activation in a group: sums in f32, and the rounding of
  // activations between silu·mul and down.
  const double products = form == cpu::Activations::bf16 ? 0x1p-8 : 5e-6;
  const bool whole = form == cpu::Activations::int16;
  const double rounds = whole ? 2e-5 : 0;
  const std::vector<double> x = activations(m.x, c.hidden, dtype, kernels);
  std::vector<double> want, scale, act(static_cast<size_t>(c.intermediate));
  for (int64_t t = 0; t < c.tokens; t++) {
    std::vector<double> y(static_cast<size_t>(c.hidden)), size(y.size());
    for (int64_t j = 0; j < c.k; j++) {
      const auto e = static_cast<size_t>(m.ids[static_cast<size_t>(t * c.k + j)]);
      const double weight = m.weights[static_cast<size_t>(t * c.k + j)];
      for (int64_t i = 0; i < c.intermediate; i++) {
        const double gate =
            dot(&x[static_cast<size_t>(t * c.hidden)], m.gate[e].exact, i, c.hidden);
        const double up = dot(&x[static_cast<size_t>(t * c.hidden)], m.up[e].exact, i, c.hidden);
        act[static_cast<size_t>(i)] = gate / (1 + std::exp(-gate)) * up;
      }
      // Half a step of the rounding of the activations between silu·mul and down.
      std::vector<double> step(act.size());
      for (size_t g = 0; rounds > 0 && g < act.size(); g += cpu::kGroupCols) {
        const size_t stop = std::min(act.size(), g + cpu::kGroupCols);
        double largest = 0;
        for (size_t k = g; k < stop; k++) largest = std::max(largest, std::fabs(act[k]));
        std::fill(step.begin() + static_cast<int64_t>(g), step.begin() + static_cast<int64_t>(stop),
                  largest * rounds);
      }
      for (int64_t i = 0; i < c.hidden; i++) {
        double sum = 0, abs = 0;
        for (int64_t k = 0; k < c.intermediate; k++) {
          const double w = m.down[e].exact[static_cast<size_t>(i * c.intermediate + k)];
          const double a = act[static_cast<size_t>(k)];
          sum += a * w;
          abs += std::fabs(a * w) * products + step[static_cast<size_t>(k)] * std::fabs(w);
        }
        y[static_cast<size_t>(i)] += weight * sum;
        size[static_cast<size_t>(i)] += std::fabs(weight) * abs;
      }
    }
    want.insert(want.end(), y.begin(), y.end());
    scale.insert(scale.end(), size.begin(), size.end());
  }
  check_close(run(m, c, 0, c.tokens, machine), want, scale, 1,
              std::string(kernels.name) + " moe_experts " + dtype_name(dtype) + " tokens " +
                  std::to_string(c.tokens) + " hidden " + std::to_string(c.hidden));
}

void bits_do_not_depend_on_the_batch(const cpu::Kernels& kernels, DType dtype, const Case& c) {
  Model m;
  make_model(m, dtype, c);
  Machine one(1, kernels), four(4, kernels);
  const std::vector<float> together = run(m, c, 0, c.tokens, four);
  for (int64_t step : {1, 7}) {
    for (int64_t first = 0; first < c.tokens; first += step) {
      const int64_t count = std::min(step, c.tokens - first);
      const std::vector<float> y = run(m, c, first, count, one);
      check_same_bits(y.data(), together.data() + first * c.hidden, count * c.hidden,
                      std::string(kernels.name) + " moe_experts " + dtype_name(dtype) +
                          " in steps of " + std::to_string(step));
    }
  }
}

}  // namespace

void test_moe(const cpu::Kernels& kernels) {
  for (DType dtype : kWeightDTypes) {
    for (const Case& c : kCases) against_f64(kernels, dtype, c);
    if (!device().deterministic) continue;
    bits_do_not_depend_on_the_batch(kernels, dtype, {80, 100, 70, 6, 2});
    bits_do_not_depend_on_the_batch(kernels, dtype, {23, 33, 129, 16, 4});
    // Widths that matrix instructions of a card take: its kernels of few tokens and of tiles, with
    // a part of a step at the end of k, and an expert with more pairs than a tile has.
    bits_do_not_depend_on_the_batch(kernels, dtype, {24, 80, 144, 5, 2});
    bits_do_not_depend_on_the_batch(kernels, dtype, {150, 64, 48, 2, 1});
  }
}

}  // namespace conclave::test

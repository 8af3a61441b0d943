#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness.h"
#include "ops/moe_route.h"

namespace conclave::test {

namespace {

void route(Machine& machine, int64_t t, int64_t num_experts, int64_t k, bool norm) {
  std::vector<float> logits = random_floats(t * num_experts, 7, 4), weights = poisoned(t * k);
  std::vector<int32_t> ids(static_cast<size_t>(t * k), -7);
  ops::moe_route(tensor(ids, {t, k}), tensor(weights, {t, k}), tensor(logits, {t, num_experts}),
                 norm, machine.stream);
  std::vector<double> want;
  bool same = true;
  for (int64_t r = 0; r < t; r++) {
    const float* row = logits.data() + r * num_experts;
    std::vector<int32_t> order(static_cast<size_t>(num_experts));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return row[a] > row[b]; });
    double all = 0, chosen = 0;
    for (int64_t e = 0; e < num_experts; e++) all += std::exp(double{row[e]});
    for (int64_t j = 0; j < k; j++) chosen += std::exp(double{row[order[static_cast<size_t>(j)]]});
    for (int64_t j = 0; j < k; j++) {
      same = same && ids[static_cast<size_t>(r * k + j)] == order[static_cast<size_t>(j)];
      want.push_back(std::exp(double{row[order[static_cast<size_t>(j)]]}) / (norm ? chosen : all));
    }
  }
  const std::string what = std::string(machine.kernels.name) + " moe_route " +
                           std::to_string(num_experts) + " top " + std::to_string(k);
  check(same, what + " ids");
  check_close(weights, want, 1e-6, what + " weights");
}

void ties_and_nan(Machine& machine) {
  std::vector<float> logits(16, 1.0f), weights = poisoned(8);
  logits[8 + 3] = std::nanf("");
  std::vector<int32_t> ids(8, -1);
  ops::moe_route(tensor(ids, {2, 4}), tensor(weights, {2, 4}), tensor(logits, {2, 8}), true,
                 machine.stream);
  for (int j = 0; j < 4; j++)
    check(ids[static_cast<size_t>(j)] == j, "moe_route: a tie goes to the lower id");
  for (size_t j = 4; j < 8; j++) {
    check(ids[j] >= 0 && ids[j] < 8, "moe_route: ids in range with NaN");
    check(std::isnan(weights[j]), "moe_route: NaN logits give NaN weights");
  }
}

}  // namespace

void test_route(const cpu::Kernels& kernels) {
  Machine machine(2, kernels);
  for (int64_t t : {1, 5, 200}) {
    for (bool norm : {false, true}) {
      route(machine, t, 1, 1, norm);
      route(machine, t, 4, 4, norm);
      route(machine, t, 17, 3, norm);
      route(machine, t, 64, 8, norm);
      route(machine, t, 128, 8, norm);
    }
  }
  ties_and_nan(machine);
}

}  // namespace conclave::test

// Kernels of a card for two ops against the two ops: the same bits.
#include "cuda/fused.h"
#include "harness.h"
#include "ops/add.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"

namespace conclave::test {

namespace {

constexpr float kEps = 1e-6f;

std::string name(const char* what, int64_t tokens, int64_t width) {
  return std::string(what) + " " + std::to_string(tokens) + "x" + std::to_string(width);
}

// Which of the inputs the outputs lie in.
enum class Place { apart, sum_in_a, both_in_place };

void test_add_norm(Machine& machine, cuda::CudaStream& card, int64_t tokens, int64_t width) {
  const std::vector<float> a = random_floats(tokens * width, 1),
                           b = random_floats(tokens * width, 2);
  std::vector<float> w = random_floats(width, 3), sum = poisoned(tokens * width), y = sum;
  std::vector<float> a_there = a, b_there = b;
  const auto on = [&](std::vector<float>& v) { return tensor(v, {tokens, width}); };
  ops::add(on(sum), on(a_there), on(b_there), machine.stream);
  ops::rms_norm(on(y), on(sum), tensor(w, {width}), kEps, machine.stream);
  for (const Place place : {Place::apart, Place::sum_in_a, Place::both_in_place}) {
    std::vector<float> left = a, right = b, own_sum = poisoned(tokens * width), own_y = own_sum;
    std::vector<float>& sum_to = place == Place::apart ? own_sum : left;
    std::vector<float>& y_to = place == Place::both_in_place ? right : own_y;
    cuda::add_rms_norm(on(sum_to), on(y_to), on(left), on(right), tensor(w, {width}), kEps, card);
    check_same_bits(sum_to.data(), sum.data(), tokens * width,
                    name("add_rms_norm, sum", tokens, width));
    check_same_bits(y_to.data(), y.data(), tokens * width, name("add_rms_norm", tokens, width));
  }
}

void test_norm_rope(Machine& machine, cuda::CudaStream& card, int64_t tokens, int64_t heads,
                    int64_t dim, int64_t half) {
  const int64_t width = heads * dim;
  std::vector<float> x = random_floats(tokens * width, 4), w = random_floats(dim, 5),
                     inv_freq(static_cast<size_t>(half)), want = poisoned(tokens * width);
  for (int64_t i = 0; i < half; i++)
    inv_freq[static_cast<size_t>(i)] = 1.0f / static_cast<float>(1 + 3 * i);
  std::vector<int32_t> positions;
  for (int64_t t = 0; t < tokens; t++) positions.push_back(static_cast<int32_t>(t * 977 + 3));
  const Tensor there = tensor(positions, {tokens}), frequencies = tensor(inv_freq, {half});
  const auto on = [&](std::vector<float>& v) { return tensor(v, {tokens, width}); };
  ops::rms_norm(on(want), on(x), tensor(w, {dim}), kEps, machine.stream);
  ops::rope(on(want), there, frequencies, dim, 1.25f, machine.stream);
  std::vector<float> apart = poisoned(tokens * width), in_place = x;
  for (std::vector<float>* y : {&apart, &in_place}) {
    std::vector<float>& from = y == &apart ? x : in_place;
    cuda::rms_norm_rope(on(*y), on(from), tensor(w, {dim}), kEps, there, frequencies, 1.25f, card);
    check_same_bits(y->data(), want.data(), tokens * width, name("rms_norm_rope", tokens, width));
  }
}

}  // namespace

void test_fused(const cpu::Kernels& kernels) {
  Machine machine(1, kernels);
  auto& card = static_cast<cuda::CudaStream&>(machine.stream);
  for (const int64_t tokens : {1, 3, 17}) {
    for (const int64_t width : {1, 31, 96, 1024, 1025, 2048})
      test_add_norm(machine, card, tokens, width);
    test_norm_rope(machine, card, tokens, 1, 16, 8);
    test_norm_rope(machine, card, tokens, 6, 64, 32);
    test_norm_rope(machine, card, tokens, 5, 128, 64);
    test_norm_rope(machine, card, tokens, 3, 80, 20);  // a part of each head is turned
  }
}

}  // namespace conclave::test

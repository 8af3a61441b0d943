// Kernels of a card for several ops against those ops: the same bits.
#include <algorithm>

#include "cpu/kv_layout.h"
#include "cuda/fused.h"
#include "harness.h"
#include "ops/add.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/store_kv.h"

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

struct Heads {
  int64_t q, kv, dim, half;  // half: pairs of a head that are turned
};

std::string name(const Heads& h, int64_t tokens, DType dtype, bool norm) {
  return "store_heads " + std::to_string(tokens) + " of " + std::to_string(h.q) + "+" +
         std::to_string(h.kv) + "x" + std::to_string(h.dim) + (norm ? " " : " no norm ") +
         dtype_name(dtype);
}

// Two sequences and one that is padding, in pages of 16; everything poisoned.
struct Pages {
  std::vector<int32_t> positions, starts, lengths, tables;
  std::vector<std::byte> bytes;
  KvRegion region;
  BatchView batch;

  Pages(const Heads& h, int64_t tokens, DType dtype) {
    const auto first = static_cast<int32_t>(tokens / 3),
               rest = static_cast<int32_t>(tokens) - first;
    for (int32_t t = 0; t < first; t++) positions.push_back(t + 21);
    for (int32_t t = 0; t < rest; t++) positions.push_back(t + 3);
    positions.push_back(0);
    starts = {0, first, first + rest, first + rest + 1};
    lengths = {first + 21, rest + 3, 0};
    const int32_t pages = static_cast<int32_t>(tokens) / 16 + 3;
    for (int32_t i = 0; i < 2 * pages; i++) tables.push_back((i * 5 + 3) % (2 * pages));
    tables.resize(static_cast<size_t>(3 * pages), 1 << 30);  // of padding: never looked at
    region = {nullptr, dtype, 2 * pages, 16, h.kv, h.dim};
    bytes.assign(static_cast<size_t>(2 * pages * cpu::bytes_per_page(region)), std::byte{0xff});
    region.data = bytes.data();
    batch = {static_cast<int32_t>(positions.size()),
             3,
             pages,
             nullptr,
             positions.data(),
             starts.data(),
             lengths.data(),
             tables.data()};
  }
};

void test_store_heads(Machine& machine, cuda::CudaStream& card, int64_t live, const Heads& h,
                      DType dtype, bool norm) {
  Pages want(h, live, dtype), got(h, live, dtype);
  const auto tokens = static_cast<int64_t>(want.positions.size());
  std::vector<float> q = random_floats(tokens * h.q * h.dim, 4),
                     k = random_floats(tokens * h.kv * h.dim, 5),
                     v = random_floats(tokens * h.kv * h.dim, 6), q_w = random_floats(h.dim, 7),
                     k_w = random_floats(h.dim, 8), inv_freq(static_cast<size_t>(h.half)),
                     q_want = q, k_want = k;
  if (h.kv > 1) std::fill_n(v.begin() + h.dim, h.dim, 0.0f);
  for (int64_t i = 0; i < h.half; i++)
    inv_freq[static_cast<size_t>(i)] = 1.0f / static_cast<float>(1 + 3 * i);
  const Tensor there = tensor(want.positions, {tokens}), frequencies = tensor(inv_freq, {h.half});
  const auto on_q = [&](std::vector<float>& x) { return tensor(x, {tokens, h.q * h.dim}); };
  const auto on_kv = [&](std::vector<float>& x) { return tensor(x, {tokens, h.kv * h.dim}); };
  if (norm) {
    ops::rms_norm(on_q(q_want), on_q(q_want), tensor(q_w, {h.dim}), kEps, machine.stream);
    ops::rms_norm(on_kv(k_want), on_kv(k_want), tensor(k_w, {h.dim}), 2 * kEps, machine.stream);
  }
  ops::rope(on_q(q_want), there, frequencies, h.dim, 1.25f, machine.stream);
  ops::rope(on_kv(k_want), there, frequencies, h.dim, 1.25f, machine.stream);
  ops::store_kv(want.region, on_kv(k_want), on_kv(v), want.batch, machine.stream);
  std::vector<float> apart = poisoned(tokens * h.q * h.dim), in_place = q;
  for (std::vector<float>* y : {&apart, &in_place}) {
    std::vector<float>& from = y == &apart ? q : in_place;
    std::fill(got.bytes.begin(), got.bytes.end(), std::byte{0xff});
    const auto w = [&](std::vector<float>& of) { return norm ? tensor(of, {h.dim}) : Tensor{}; };
    cuda::store_heads(on_q(*y), {on_q(from), w(q_w), kEps}, {on_kv(k), w(k_w), 2 * kEps}, on_kv(v),
                      frequencies, 1.25f, got.region, got.batch, card);
    check_same_bits(y->data(), q_want.data(), tokens * h.q * h.dim, name(h, live, dtype, norm));
    check(got.bytes == want.bytes, name(h, live, dtype, norm) + ": other pages");
  }
}

}  // namespace

void test_fused(const cpu::Kernels& kernels) {
  Machine machine(1, kernels);
  auto& card = static_cast<cuda::CudaStream&>(machine.stream);
  for (const int64_t tokens : {1, 3, 17}) {
    for (const int64_t width : {1, 31, 96, 1024, 1025, 2048})
      test_add_norm(machine, card, tokens, width);
  }
  // Many tokens: a block takes several heads, and all of a token's.
  for (const int64_t tokens : {1, 3, 17, 200}) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::i8}) {
      for (const bool norm : {true, false}) {
        test_store_heads(machine, card, tokens, {1, 1, 16, 8}, dtype, norm);
        test_store_heads(machine, card, tokens, {6, 2, 64, 32}, dtype, norm);
        if (tokens == 200) continue;
        test_store_heads(machine, card, tokens, {32, 4, 128, 64}, dtype, norm);
        test_store_heads(machine, card, tokens, {5, 5, 80, 20}, dtype, norm);  // turned in part
      }
    }
  }
}

}  // namespace conclave::test

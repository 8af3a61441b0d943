// Each op at the shapes of two mixture-of-experts models: time, GB/s, GFLOP/s, and the share of the
// ceiling that was measured in the same run. Weights rotate through far more memory than the caches
// hold.
//   native_bench [threads] [filter]
// One thread is timed in processor time, in which other programs do not count.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>

#include "cpu/aligned_bytes.h"
#include "cpu/ceiling.h"
#include "cpu/kv_layout.h"
#include "harness.h"
#include "ops/attention.h"
#include "ops/matmul.h"
#include "ops/moe_experts.h"
#include "ops/moe_route.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/store_kv.h"

namespace conclave::test {

namespace {

constexpr int64_t kColdBytes = int64_t{1} << 30;  // several times the last-level cache

struct Bench {
  Machine& machine;
  cpu::Ceilings ceilings;
  std::string filter;

  bool wants(const std::string& name) const { return name.find(filter) != std::string::npos; }

  double peak_of(DType dtype) const {
    if (dtype == DType::i8) return ceilings.int8_gops / 2;  // activations are two bytes
    return dtype == DType::bf16 ? ceilings.bf16_gflops : ceilings.f32_gflops;
  }

  // fn(i) is run for a fifth of a second, five times at least; figures are of the median, and the
  // share of the best run besides.
  template <class Fn>
  void time(const std::string& name, double bytes, double flops, double peak, Fn&& fn) const {
    using Clock = std::chrono::steady_clock;
    const bool alone = machine.pool.num_threads() == 1;
    const auto now_us = [&] {
      if (alone) return static_cast<double>(std::clock()) * 1e6 / CLOCKS_PER_SEC;
      return std::chrono::duration<double, std::micro>(Clock::now().time_since_epoch()).count();
    };
    std::vector<double> us;
    fn(0);
    const auto start = Clock::now();
    for (int i = 1; i < 5 || Clock::now() - start < std::chrono::milliseconds(200); i++) {
      const double before = now_us();
      fn(i);
      us.push_back(now_us() - before);
    }
    std::sort(us.begin(), us.end());
    const double t = us[us.size() / 2], best = us[0];
    const double read_us = bytes / ceilings.read_gb_per_s * 1e-3;
    const double flop_us = flops / peak * 1e-3;
    std::printf("%-44s %10.1f µs %7.1f GB/s %7.1f GFLOP/s %4.0f %% (best %.0f) of %s\n",
                name.c_str(), t, bytes / t * 1e-3, flops / t * 1e-3,
                std::max(read_us, flop_us) / t * 100, std::max(read_us, flop_us) / best * 100,
                read_us > flop_us ? "bandwidth" : "arithmetic");
    std::fflush(stdout);
  }
};

// A piece of ordinary numbers over and over: values do not matter here, subnormals and NaN would.
void fill(cpu::AlignedBytes& bytes, DType dtype) {
  constexpr size_t kPiece = 1 << 20;
  const std::vector<float> values = random_floats(kPiece, 1);
  std::vector<std::byte> piece(kPiece * static_cast<size_t>(dtype_bytes(dtype)));
  for (size_t i = 0; i < kPiece; i++) {
    std::byte* at = piece.data() + i * static_cast<size_t>(dtype_bytes(dtype));
    const auto half = dtype == DType::f16 ? static_cast<uint16_t>(0x3000 | (i * 7919 & 0x83ff))
                                          : f32_to_bf16(values[i]);
    const auto byte = static_cast<int8_t>(values[i] * 127);
    if (dtype == DType::f32) std::memcpy(at, &values[i], 4);
    if (dtype == DType::f16 || dtype == DType::bf16) std::memcpy(at, &half, 2);
    if (dtype == DType::i8) std::memcpy(at, &byte, 1);
  }
  const auto all = static_cast<size_t>(bytes.size());
  for (size_t i = 0; i < all; i += piece.size()) {
    std::memcpy(bytes.data() + i, piece.data(), std::min(piece.size(), all - i));
  }
}

const std::vector<float> kScales(200'000, 0.01f);

int64_t matrix_bytes(DType dtype, int64_t rows, int64_t cols) {
  if (dtype != DType::i8) return rows * cols * dtype_bytes(dtype);
  return cpu::panels_of(rows) * cpu::panel_bytes(cols);
}

// Matrices, one after the other.
void fill_matrices(cpu::AlignedBytes& bytes, DType dtype) {
  fill(bytes, dtype);
  if (dtype != DType::i8) return;
  const uint16_t one = f32_to_f16(1);
  for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(cpu::kBlockBytes)) {
    for (size_t i = cpu::kScalesAt; i < size_t{cpu::kBlockBytes}; i += 2) {
      std::memcpy(bytes.data() + at + i, &one, 2);
    }
  }
}

Weight view(const cpu::AlignedBytes& bytes, int64_t at, DType dtype, int64_t rows, int64_t cols) {
  return {bytes.data() + at, dtype, rows, cols, dtype == DType::i8 ? kScales.data() : nullptr};
}

void bench_matmul(const Bench& b, DType dtype, int64_t rows, int64_t cols,
                  const std::vector<int64_t>& tokens) {
  const std::string shape = std::string("matmul ") + dtype_name(dtype) + " " +
                            std::to_string(cols) + "->" + std::to_string(rows) + " T=";
  if (!b.wants(shape)) return;
  const int64_t bytes = matrix_bytes(dtype, rows, cols), copies = 1 + kColdBytes / bytes;
  cpu::AlignedBytes memory(copies * bytes);
  fill_matrices(memory, dtype);
  for (int64_t t : tokens) {
    std::vector<float> x = random_floats(t * cols, 1), y(static_cast<size_t>(t * rows));
    const double traffic = static_cast<double>(bytes + 4 * t * (rows + cols));
    b.time(shape + std::to_string(t), traffic, 2.0 * static_cast<double>(t * rows * cols),
           b.peak_of(dtype), [&](int i) {
             ops::matmul(tensor(y, {t, rows}), tensor(x, {t, cols}),
                         view(memory, i % copies * bytes, dtype, rows, cols), {}, b.machine.stream);
           });
  }
}

struct MoeShape {
  const char* name;
  int64_t hidden, intermediate, num_experts, k;
};

void bench_moe(const Bench& b, const MoeShape& s, DType dtype, const std::vector<int64_t>& tokens) {
  const std::string label = std::string("moe_experts ") + s.name + " " + dtype_name(dtype) + " T=";
  if (!b.wants(label)) return;
  const int64_t matrix = matrix_bytes(dtype, s.intermediate, s.hidden);
  const int64_t layer = 3 * s.num_experts * matrix, copies = 1 + kColdBytes / layer;
  cpu::AlignedBytes memory(copies * layer);
  fill_matrices(memory, dtype);
  std::vector<ops::ExpertTable> layers(static_cast<size_t>(copies));
  for (int64_t e = 0; e < copies * s.num_experts; e++) {
    ops::ExpertTable& table = layers[static_cast<size_t>(e / s.num_experts)];
    table.gate.push_back(view(memory, 3 * e * matrix, dtype, s.intermediate, s.hidden));
    table.up.push_back(view(memory, (3 * e + 1) * matrix, dtype, s.intermediate, s.hidden));
    table.down.push_back(view(memory, (3 * e + 2) * matrix, dtype, s.hidden, s.intermediate));
  }
  for (int64_t t : tokens) {
    constexpr int kDraws = 16;
    std::vector<std::vector<int32_t>> ids(kDraws);
    double distinct = 0;
    std::mt19937 random(2);
    for (auto& draw : ids) {
      std::vector<bool> hit(static_cast<size_t>(s.num_experts));
      std::vector<int32_t> order(static_cast<size_t>(s.num_experts));
      for (size_t e = 0; e < order.size(); e++) order[e] = static_cast<int32_t>(e);
      for (int64_t i = 0; i < t; i++) {
        std::shuffle(order.begin(), order.end(), random);
        for (int64_t j = 0; j < s.k; j++) draw.push_back(order[static_cast<size_t>(j)]);
        for (int64_t j = 0; j < s.k; j++)
          hit[static_cast<size_t>(order[static_cast<size_t>(j)])] = true;
      }
      distinct += static_cast<double>(std::count(hit.begin(), hit.end(), true)) / kDraws;
    }
    std::vector<float> x = random_floats(t * s.hidden, 3), y(x.size()),
                       weights(static_cast<size_t>(t * s.k), 0.125f);
    b.time(label + std::to_string(t), distinct * 3 * static_cast<double>(matrix),
           6.0 * static_cast<double>(t * s.k * s.hidden * s.intermediate), b.peak_of(dtype),
           [&](int i) {
             ops::moe_experts(tensor(y, {t, s.hidden}), tensor(x, {t, s.hidden}),
                              tensor(ids[static_cast<size_t>(i % kDraws)], {t, s.k}),
                              tensor(weights, {t, s.k}), layers[static_cast<size_t>(i % copies)],
                              b.machine.stream);
           });
  }
}

// `sequences` sequences with `queries` new tokens each at the end of `length`.
void bench_attention(const Bench& b, DType dtype, int64_t heads, int64_t kv_heads, int64_t dim,
                     int64_t sequences, int64_t queries, int64_t length) {
  const std::string label = std::string("attention ") + dtype_name(dtype) + " " +
                            std::to_string(heads) + "/" + std::to_string(kv_heads) + "x" +
                            std::to_string(dim) + " B=" + std::to_string(sequences) +
                            " T=" + std::to_string(queries) + " len=" + std::to_string(length);
  if (!b.wants(label)) return;
  const int64_t page = 64, pages = (length + page - 1) / page * sequences;
  KvRegion region{nullptr, dtype, pages, page, kv_heads, dim};
  const int64_t bytes = pages * cpu::bytes_per_page(region);
  const int64_t copies = queries == 1 ? 1 + kColdBytes / bytes : 1;
  cpu::AlignedBytes memory(copies * bytes);
  fill(memory, dtype);
  std::vector<int32_t> positions, starts = {0}, lengths, tables;
  for (int64_t s = 0; s < sequences; s++) {
    for (int64_t i = 0; i < queries; i++)
      positions.push_back(static_cast<int32_t>(length - queries + i));
    starts.push_back(static_cast<int32_t>(positions.size()));
    lengths.push_back(static_cast<int32_t>(length));
    for (int64_t i = 0; i < pages / sequences; i++)
      tables.push_back(static_cast<int32_t>(i * sequences + s));
  }
  const auto t = static_cast<int64_t>(positions.size());
  const BatchView batch{static_cast<int32_t>(t),
                        static_cast<int32_t>(sequences),
                        static_cast<int32_t>(pages / sequences),
                        nullptr,
                        positions.data(),
                        starts.data(),
                        lengths.data(),
                        tables.data()};
  std::vector<float> q = random_floats(t * heads * dim, 4), y(q.size());
  double keys = 0;
  for (int32_t p : positions) keys += p + 1;
  const double kv_bytes =
      static_cast<double>(sequences * length * kv_heads * dim * 2 * dtype_bytes(dtype));
  b.time(label, kv_bytes, keys * static_cast<double>(4 * heads * dim), b.peak_of(dtype),
         [&](int i) {
           region.data = memory.data() + i % copies * bytes;
           ops::attention(tensor(y, {t, heads * dim}), tensor(q, {t, heads * dim}), region, batch,
                          0.1f, b.machine.stream);
         });
}

void bench_small(const Bench& b, int64_t t) {
  const std::string tokens = " T=" + std::to_string(t);
  std::vector<float> x = random_floats(t * 2048, 5), y(x.size()), w(2048, 1.0f),
                     logits = random_floats(t * 128, 6), weights(static_cast<size_t>(t * 8)),
                     inv_freq(64, 0.5f);
  std::vector<int32_t> ids(weights.size()), positions(static_cast<size_t>(t), 1234);
  Stream& stream = b.machine.stream;
  const auto bytes = static_cast<double>(8 * t * 2048);
  if (b.wants("rms_norm")) {
    b.time("rms_norm 2048" + tokens, bytes, 0, 1, [&](int) {
      ops::rms_norm(tensor(y, {t, 2048}), tensor(x, {t, 2048}), tensor(w, {2048}), 1e-6f, stream);
    });
  }
  if (b.wants("rope")) {
    b.time("rope 16x128" + tokens, bytes, 0, 1, [&](int) {
      ops::rope(tensor(y, {t, 2048}), tensor(positions, {t}), tensor(inv_freq, {64}), 128, 1,
                stream);
    });
  }
  if (b.wants("moe_route")) {
    b.time("moe_route 128 top 8" + tokens, static_cast<double>(4 * t * 136), 0, 1, [&](int) {
      ops::moe_route(tensor(ids, {t, 8}), tensor(weights, {t, 8}), tensor(logits, {t, 128}), true,
                     stream);
    });
  }
}

}  // namespace

void run_bench(int num_threads, const std::string& filter) {
  Machine machine(num_threads, cpu::select_kernels());
  const Bench b{machine, cpu::measure_ceilings(machine.cpu_stream), filter};
  std::printf(
      "kernels %s, %d threads; ceilings: read %.1f GB/s, f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, "
      "int8 %.0f GOP/s\n",
      machine.kernels.name, num_threads, b.ceilings.read_gb_per_s, b.ceilings.f32_gflops,
      b.ceilings.bf16_gflops, b.ceilings.int8_gops);
  const std::vector<int64_t> tokens = {1, 2, 3, 4, 6, 8, 16, 32, 512};
  for (DType dtype : kWeightDTypes) {
    bench_matmul(b, dtype, 4096, 2048, tokens);
    bench_matmul(b, dtype, 1024, 1024, {1, 8, 512});
    bench_moe(b, {"s", 1024, 384, 64, 8}, dtype, {1, 8, 32, 512});
    bench_moe(b, {"m", 2048, 768, 128, 8}, dtype, {1, 8, 32, 512});
  }
  bench_matmul(b, DType::bf16, 151936, 1024, {1, 8});
  bench_matmul(b, DType::i8, 151936, 1024, {1, 8});
  for (DType dtype : {DType::bf16, DType::f32}) {
    for (int64_t length : {4096, 16384, 32768}) bench_attention(b, dtype, 16, 4, 64, 1, 1, length);
    bench_attention(b, dtype, 16, 4, 64, 32, 1, 136);
    bench_attention(b, dtype, 32, 4, 128, 1, 1, 4096);
    bench_attention(b, dtype, 32, 4, 128, 8, 1, 4096);
    bench_attention(b, dtype, 16, 4, 64, 1, 512, 512);
    bench_attention(b, dtype, 32, 4, 128, 1, 512, 512);
    bench_attention(b, dtype, 32, 4, 128, 1, 512, 4096);
  }
  for (int64_t t : {1, 512}) bench_small(b, t);
}

}  // namespace conclave::test

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : conclave::cpu::usable_cores();
  conclave::test::run_bench(std::max(threads, 1), argc > 2 ? argv[2] : "");
}

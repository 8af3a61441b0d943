#pragma once
// What every test here uses: seeded inputs, outputs poisoned before each run, checks that are
// counted, and the kernel sets that this machine has.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "cpu/stream.h"
#include "cpu/weight_format.h"

namespace conclave::test {

// Counts one check; the first failures are printed with their case.
void check(bool ok, const std::string& what);
int passed();
int failed();

// NaN in every float: an output that a kernel forgets is seen.
std::vector<float> poisoned(int64_t n);
// Uniform in [−scale, scale).
std::vector<float> random_floats(int64_t n, uint64_t seed, float scale = 1);

// What the cases run on instead of the CPU, where a program sets it; its memory is the host's. Its
// Kernels only say its name and what it rounds. An op is done when it returns.
struct Device {
  Stream* stream = nullptr;
  // False where kernels of large batches may sum in an order of their own.
  bool deterministic = true;
};
Device& device();

// A pool and a stream for one kernel set.
struct Machine {
  cpu::ThreadPool pool;
  cpu::CpuStream cpu_stream;
  Stream& stream;
  const cpu::Kernels& kernels;
  Machine(int num_threads, const cpu::Kernels& kernels)
      : pool(num_threads),
        cpu_stream(pool, kernels),
        stream(device().stream ? *device().stream : cpu_stream),
        kernels(kernels) {}
};

std::vector<const cpu::Kernels*> kernel_sets();

constexpr DType kWeightDTypes[] = {DType::f32, DType::f16, DType::bf16, DType::i8};
cpu::WeightFormat format_of(DType dtype);

// A weight matrix with what it stands for in f64. int8 lies in panels, on a device in rows that
// have a scale each.
struct TestWeight {
  std::vector<std::byte> bytes;
  std::vector<float> scales;
  std::vector<double> exact;
  Weight weight;
};
void make_weight(TestWeight& w, DType dtype, int64_t rows, int64_t cols, uint64_t seed);

// |got[i] − want[i]| ≤ tolerance · scale[i] for all i, and got has no NaN.
void check_close(const std::vector<float>& got, const std::vector<double>& want,
                 const std::vector<double>& scale, double tolerance, const std::string& what);
void check_close(const std::vector<float>& got, const std::vector<double>& want, double tolerance,
                 const std::string& what);
void check_same_bits(const float* a, const float* b, int64_t n, const std::string& what);

Tensor tensor(std::vector<float>& v, std::initializer_list<int64_t> shape);
Tensor tensor(std::vector<int32_t>& v, std::initializer_list<int64_t> shape);

// Rows of `width` values as the kernels multiply them: rounded where the set does so for this kind.
std::vector<double> activations(const std::vector<float>& x, int64_t width, DType dtype,
                                const cpu::Kernels& kernels);

void test_thread_pool();
void test_elementwise(const cpu::Kernels& kernels);
void test_panels();
void test_scales(const cpu::Kernels& kernels);
void test_route(const cpu::Kernels& kernels);
void test_matmul(const cpu::Kernels& kernels);
void test_moe(const cpu::Kernels& kernels);
void test_sample(const cpu::Kernels& kernels);
void test_attention(const cpu::Kernels& kernels);
// Of a card alone.
void test_fused(const cpu::Kernels& kernels);

}  // namespace conclave::test

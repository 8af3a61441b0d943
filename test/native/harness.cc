#include "harness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>

#include "cpu/weight_format.h"

namespace conclave::test {

namespace {
int num_passed = 0, num_failed = 0;
constexpr int kPrinted = 40;
}  // namespace

Device& device() {
  static Device current;
  return current;
}

void check(bool ok, const std::string& what) {
  if (ok) {
    num_passed++;
  } else if (num_failed++ < kPrinted) {
    std::printf("FAILED %s\n", what.c_str());
  }
}

int passed() { return num_passed; }
int failed() { return num_failed; }

std::vector<float> poisoned(int64_t n) {
  return std::vector<float>(static_cast<size_t>(n), std::numeric_limits<float>::quiet_NaN());
}

std::vector<float> random_floats(int64_t n, uint64_t seed, float scale) {
  std::mt19937_64 random(seed);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = scale * (static_cast<float>(random() >> 40) * 0x1p-23f - 1);
  return v;
}

std::vector<const cpu::Kernels*> kernel_sets() {
  std::vector<const cpu::Kernels*> sets;
  for (const char* name : {"plain", "avx2", "avx512", "avx512_bf16", "amx"}) {
    if (const cpu::Kernels* kernels = cpu::find_kernels(name)) sets.push_back(kernels);
  }
  return sets;
}

namespace {

uint16_t f32_to_f16(
    float x) {  // test values are normal in f16; round to nearest by going through the integer
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits & 0x7fffffffu) + 0xfffu + ((bits >> 13) & 1);
  if (rounded < (113u << 23)) {  // subnormal or zero in f16
    const auto m = static_cast<uint16_t>(std::lrint(std::fabs(x) * 0x1p24f));
    return static_cast<uint16_t>((bits >> 16 & 0x8000u) | m);
  }
  return static_cast<uint16_t>((bits >> 16 & 0x8000u) | ((rounded - (112u << 23)) >> 13));
}

template <class T>
void put(TestWeight& w, int64_t i, T value) {
  std::memcpy(w.bytes.data() + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

// Random int8 with a scale for each 32 columns, in panels.
void make_panels(TestWeight& w, const std::vector<float>& values, int64_t rows, int64_t cols,
                 uint64_t seed) {
  const int64_t groups = (cols + cpu::kGroupCols - 1) / cpu::kGroupCols;
  std::vector<float> scales = random_floats(rows * groups, seed + 1, 0.005f);
  for (float& s : scales) s = f16_to_f32(f32_to_f16(s + 0.006f));
  std::vector<int8_t> q(values.size());
  for (size_t i = 0; i < q.size(); i++) {
    const int64_t row = static_cast<int64_t>(i) / cols, col = static_cast<int64_t>(i) % cols;
    q[i] = static_cast<int8_t>(std::lrint(values[i] * 127));
    w.exact[i] = static_cast<double>(q[i]) *
                 scales[static_cast<size_t>(row * groups + col / cpu::kGroupCols)];
  }
  w.bytes.resize(static_cast<size_t>(cpu::panels_of(rows) * cpu::panel_bytes(cols)));
  w.scales.resize(static_cast<size_t>(rows));
  for (int64_t first = 0; first < rows; first += cpu::kPanelRows) {
    const int64_t count = std::min(cpu::kPanelRows, rows - first);
    cpu::pack_panel(w.bytes.data() + first / cpu::kPanelRows * cpu::panel_bytes(cols),
                    w.scales.data() + first,
                    {q.data() + first * cols, scales.data() + first * groups, count, cols});
  }
}

}  // namespace

cpu::WeightFormat format_of(DType dtype) {
  Weight w;
  w.dtype = dtype;
  return cpu::weight_format(w);
}

void make_weight(TestWeight& w, DType dtype, int64_t rows, int64_t cols, uint64_t seed) {
  const std::vector<float> values = random_floats(rows * cols, seed);
  w.exact.resize(values.size());
  const bool panels = dtype == DType::i8 && !device().stream;
  // A card has row-major values with a scale for 32 columns, the host panels and one a row besides.
  const int64_t row_scales = panels ? 1 : (cols + cpu::kGroupCols - 1) / cpu::kGroupCols;
  w.scales =
      dtype == DType::i8 ? random_floats(rows * row_scales, seed + 1, 0.01f) : std::vector<float>{};
  if (panels) make_panels(w, values, rows, cols, seed);
  else w.bytes.assign(static_cast<size_t>(rows * cols * dtype_bytes(dtype)), std::byte{0});
  for (int64_t i = 0; i < rows * cols; i++) {
    const float x = values[static_cast<size_t>(i)];
    double& exact = w.exact[static_cast<size_t>(i)];
    if (dtype == DType::f32) put(w, i, x), exact = x;
    if (dtype == DType::f16) put(w, i, f32_to_f16(x)), exact = f16_to_f32(f32_to_f16(x));
    if (dtype == DType::bf16) put(w, i, f32_to_bf16(x)), exact = bf16_to_f32(f32_to_bf16(x));
    if (dtype == DType::i8 && !panels) {
      const auto q = static_cast<int8_t>(std::lrint(x * 127));
      put(w, i, q),
          exact = static_cast<double>(q) *
                  w.scales[static_cast<size_t>(i / cols * row_scales + i % cols / cpu::kGroupCols)];
    }
  }
  w.weight = {w.bytes.data(), dtype, rows, cols, w.scales.empty() ? nullptr : w.scales.data()};
}

void check_close(const std::vector<float>& got, const std::vector<double>& want,
                 const std::vector<double>& scale, double tolerance, const std::string& what) {
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double error = std::fabs(got[i] - want[i]) / (scale[i] + 1e-30);
    if (error <= worst) continue;  // NaN goes on
    worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    where = i;
  }
  const bool ok = got.size() == want.size() && worst <= tolerance;
  check(ok, what + ": error " + std::to_string(worst / tolerance) + " of the tolerance at " +
                std::to_string(where) +
                (want.empty() ? ""
                              : ", got " + std::to_string(got[where]) + ", want " +
                                    std::to_string(want[where])));
}

void check_close(const std::vector<float>& got, const std::vector<double>& want, double tolerance,
                 const std::string& what) {
  check_close(got, want, std::vector<double>(want.size(), 1.0), tolerance, what);
}

void check_same_bits(const float* a, const float* b, int64_t n, const std::string& what) {
  check(n == 0 || std::memcmp(a, b, static_cast<size_t>(n) * sizeof(float)) == 0, what);
}

Tensor tensor(std::vector<float>& v, std::initializer_list<int64_t> shape) {
  return {v.data(), DType::f32, shape};
}
Tensor tensor(std::vector<int32_t>& v, std::initializer_list<int64_t> shape) {
  return {v.data(), DType::i32, shape};
}

std::vector<double> activations(const std::vector<float>& x, int64_t width, DType dtype,
                                const cpu::Kernels& kernels) {
  std::vector<double> exact(x.begin(), x.end());
  const auto form = kernels.matmul[format_of(dtype)].activations;
  if (form == cpu::Activations::f32) return exact;
  for (size_t row = 0; row < x.size(); row += static_cast<size_t>(width)) {
    const size_t end = row + static_cast<size_t>(width);
    for (size_t i = row; form == cpu::Activations::bf16 && i < end; i++) {
      exact[i] = bf16_to_f32(f32_to_bf16(x[i]));
    }
    for (size_t g = row; form != cpu::Activations::bf16 && g < end; g += cpu::kGroupCols) {
      const size_t stop = std::min(end, g + cpu::kGroupCols);
      float largest = 0;
      for (size_t i = g; i < stop; i++) largest = std::max(largest, std::fabs(x[i]));
      const float inverse = cpu::kLevels / largest, scale = largest / cpu::kLevels;
      for (size_t i = g; i < stop; i++) {
        exact[i] = std::isfinite(inverse) ? double{std::nearbyint(x[i] * inverse)} * scale : 0;
      }
    }
  }
  return exact;
}

}  // namespace conclave::test

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

#include "cpu/hadamard.h"
#include "cpu/kv_layout.h"
#include "harness.h"
#include "ops/attention.h"
#include "ops/store_kv.h"
#include "quant/quantise_row.h"

namespace conclave::test {

namespace {

struct Case {
  int64_t heads, kv_heads, dim;
  std::vector<int64_t> lengths;  // tokens of each sequence
};

const Case kCases[] = {{1, 1, 16, {1}},   {4, 2, 32, {5, 17}},      {8, 2, 64, {130, 1, 40}},
                       {3, 1, 33, {100}}, {16, 2, 128, {150, 129}}, {6, 6, 20, {16, 15, 31}},
                       {5, 5, 7, {260}},  {12, 4, 64, {128, 256}},  {14, 2, 64, {300}},
                       {4, 4, 80, {90}},  {2, 1, 256, {70}},        {70, 1, 16, {9}}};

struct Data {
  std::vector<std::vector<float>> q, k, v;  // one a sequence: (length, heads · dim)
};

Data make_data(const Case& c) {
  Data data;
  for (size_t s = 0; s < c.lengths.size(); s++) {
    const int64_t n = c.lengths[s];
    data.q.push_back(random_floats(n * c.heads * c.dim, 20 + s, 2));
    data.k.push_back(random_floats(n * c.kv_heads * c.dim, 40 + s, 2));
    data.v.push_back(random_floats(n * c.kv_heads * c.dim, 60 + s));
  }
  return data;
}

struct How {
  DType dtype;
  int64_t page_size, step;  // tokens a call
  int threads;
};

// Pages in a scattered order, everything poisoned: bytes of all ones are NaN in f32 and bf16, and
// in int8 their scales are.
struct Cache {
  std::vector<std::byte> bytes;
  std::vector<int32_t> tables;
  int64_t max_pages = 0;
  KvRegion region;
};

void make_cache(Cache& cache, const Case& c, const How& how) {
  int64_t pages = 0;
  for (int64_t n : c.lengths) {
    cache.max_pages = std::max(cache.max_pages, (n + how.page_size - 1) / how.page_size);
    pages += (n + how.page_size - 1) / how.page_size;
  }
  cache.region = {nullptr, how.dtype, pages, how.page_size, c.kv_heads, c.dim};
  cache.bytes.assign(static_cast<size_t>(pages * cpu::bytes_per_page(cache.region)),
                     std::byte{0xff});
  cache.region.data = cache.bytes.data();
  std::vector<int32_t> order(static_cast<size_t>(pages));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(80));
  cache.tables.assign(c.lengths.size() * static_cast<size_t>(cache.max_pages),
                      1 << 30);  // a page that is not there
  size_t next = 0;
  for (size_t s = 0; s < c.lengths.size(); s++) {
    for (int64_t i = 0; i < (c.lengths[s] + how.page_size - 1) / how.page_size; i++) {
      cache.tables[s * static_cast<size_t>(cache.max_pages) + static_cast<size_t>(i)] =
          order[next++];
    }
  }
}

void append(std::vector<float>& to, const std::vector<float>& from, int64_t begin, int64_t end,
            int64_t row) {
  to.insert(to.end(), from.begin() + begin * row, from.begin() + end * row);
}

// All sequences go through in steps of how.step tokens; returns y of each, one after another.
std::vector<float> run(const Case& c, const Data& data, const How& how,
                       const cpu::Kernels& kernels) {
  Machine machine(how.threads, kernels);
  Cache cache;
  make_cache(cache, c, how);
  std::vector<std::vector<float>> outputs(c.lengths.size());
  const int64_t longest = *std::max_element(c.lengths.begin(), c.lengths.end());
  for (int64_t at = 0; at < longest; at += how.step) {
    std::vector<float> q, k, v;
    std::vector<int32_t> positions, starts = {0}, lengths;
    for (size_t s = 0; s < c.lengths.size(); s++) {
      const int64_t begin = std::min(at, c.lengths[s]), end = std::min(at + how.step, c.lengths[s]);
      append(q, data.q[s], begin, end, c.heads * c.dim);
      append(k, data.k[s], begin, end, c.kv_heads * c.dim);
      append(v, data.v[s], begin, end, c.kv_heads * c.dim);
      for (int64_t p = begin; p < end; p++) positions.push_back(static_cast<int32_t>(p));
      starts.push_back(static_cast<int32_t>(positions.size()));
      lengths.push_back(static_cast<int32_t>(end));
    }
    const auto t = static_cast<int64_t>(positions.size());
    const BatchView batch{static_cast<int32_t>(t),
                          static_cast<int32_t>(c.lengths.size()),
                          static_cast<int32_t>(cache.max_pages),
                          nullptr,
                          positions.data(),
                          starts.data(),
                          lengths.data(),
                          cache.tables.data()};
    std::vector<float> y = poisoned(t * c.heads * c.dim);
    ops::store_kv(cache.region, tensor(k, {t, c.kv_heads * c.dim}),
                  tensor(v, {t, c.kv_heads * c.dim}), batch, machine.stream);
    ops::attention(tensor(y, {t, c.heads * c.dim}), tensor(q, {t, c.heads * c.dim}), cache.region,
                   batch, 0.2f, machine.stream);
    for (size_t s = 0; s < c.lengths.size(); s++) {
      append(outputs[s], y, starts[s], starts[s + 1], c.heads * c.dim);
    }
  }
  std::vector<float> all;
  for (const auto& y : outputs) all.insert(all.end(), y.begin(), y.end());
  return all;
}

// The inverse of cpu::hadamard, from its matrix: H[i][j] = (−1)^(bits that i and j share).
void turn_back(double* x, int64_t dim) {
  const int64_t n = dim & -dim;
  for (int64_t block = 0; block < dim; block += n) {
    std::vector<double> turned(x + block, x + block + n);
    for (int64_t i = 0; i < n; i++) {
      double sum = 0;
      for (int64_t j = 0; j < n; j++) {
        const int shared = std::popcount(static_cast<uint64_t>(i & j));
        sum += (shared % 2 ? -1 : 1) * turned[static_cast<size_t>(j)];
      }
      x[block + i] = sum / static_cast<double>(n);
    }
  }
}

enum class Which { keys, values };

// What the pages hold for the heads of a sequence, in f64.
std::vector<double> stored(std::vector<float> x, int64_t dim, DType dtype, Which which) {
  std::vector<double> y(x.begin(), x.end());
  if (dtype == DType::bf16) {
    for (size_t i = 0; i < x.size(); i++) y[i] = bf16_to_f32(f32_to_bf16(x[i]));
  }
  if (dtype != DType::i8) return y;
  std::vector<int8_t> q(static_cast<size_t>(dim));
  for (size_t row = 0; row < x.size(); row += q.size()) {
    float scale = 0;
    if (which == Which::keys) cpu::hadamard(x.data() + row, dim);
    quant::quantise_row(q.data(), &scale, x.data() + row, dim);
    for (size_t d = 0; d < q.size(); d++) {
      y[row + d] = double{scale} * q[d];
      check(std::fabs(y[row + d] - x[row + d]) <= scale * 0.50001, "int8: half a step at most");
    }
    if (which == Which::keys) turn_back(y.data() + row, dim);
  }
  return y;
}

// A card multiplies queries as bf16 where the pages are not f32; those of int8 after their turn.
std::vector<double> multiplied_queries(std::vector<float> x, int64_t dim, DType dtype) {
  const bool rounds = device().stream && dtype != DType::f32, turns = rounds && dtype == DType::i8;
  const float n = static_cast<float>(dim & -dim);
  for (size_t row = 0; turns && row < x.size(); row += static_cast<size_t>(dim)) {
    cpu::hadamard(x.data() + row, dim);
    for (int64_t d = 0; d < dim; d++) x[row + static_cast<size_t>(d)] /= n;
  }
  std::vector<double> y(x.begin(), x.end());
  for (size_t i = 0; rounds && i < x.size(); i++) y[i] = bf16_to_f32(f32_to_bf16(x[i]));
  for (size_t row = 0; turns && row < y.size(); row += static_cast<size_t>(dim)) {
    turn_back(y.data() + row, dim);
    for (int64_t d = 0; d < dim; d++) y[row + static_cast<size_t>(d)] *= n;
  }
  return y;
}

// Of the tokens from `first` on.
std::vector<double> last_tokens(const Case& c, const Data& data, DType dtype, int64_t first) {
  std::vector<double> all;
  for (size_t s = 0; s < c.lengths.size(); s++) {
    const std::vector<double> queries = multiplied_queries(data.q[s], c.dim, dtype);
    const std::vector<double> keys = stored(data.k[s], c.dim, dtype, Which::keys);
    const std::vector<double> values = stored(data.v[s], c.dim, dtype, Which::values);
    for (int64_t r = first * c.heads; r < c.lengths[s] * c.heads; r++) {
      const int64_t t = r / c.heads, g = r % c.heads / (c.heads / c.kv_heads);
      const double* q = queries.data() + r * c.dim;
      std::vector<double> p, y(static_cast<size_t>(c.dim));
      double sum = 0;
      for (int64_t i = 0; i <= t; i++) {
        double score = 0;
        const double* k = keys.data() + (i * c.kv_heads + g) * c.dim;
        for (int64_t d = 0; d < c.dim; d++) score += q[d] * k[d];
        p.push_back(std::exp(score * 0.2f));
        sum += p.back();
      }
      for (int64_t i = 0; i <= t; i++) {
        const double* v = values.data() + (i * c.kv_heads + g) * c.dim;
        for (int64_t d = 0; d < c.dim; d++)
          y[static_cast<size_t>(d)] += p[static_cast<size_t>(i)] / sum * v[d];
      }
      all.insert(all.end(), y.begin(), y.end());
    }
  }
  return all;
}

std::vector<double> reference(const Case& c, const Data& data, DType dtype) {
  return last_tokens(c, data, dtype, 0);
}

std::string name(const Case& c, const How& how, const cpu::Kernels& kernels) {
  return std::string(kernels.name) + " attention " + dtype_name(how.dtype) + " heads " +
         std::to_string(c.heads) + "/" + std::to_string(c.kv_heads) + " dim " +
         std::to_string(c.dim) + " page " + std::to_string(how.page_size) + " step " +
         std::to_string(how.step);
}

// Probabilities are rounded to bf16 where the kernels multiply in bf16: half of 2^-8 of a value
// below 1, on average far less.
double tolerance(DType dtype, const cpu::Kernels& kernels) {
  // A card rounds probabilities too; those times an int8 scale are never the 1 of the largest, so
  // that a value below 1 may miss by a whole half unit of bf16.
  if (device().stream) return dtype == DType::f32 ? 5e-6 : dtype == DType::bf16 ? 0.002 : 0x1p-8;
  const bool rounds = kernels.matmul[cpu::kWeightBf16].activations == cpu::Activations::bf16;
  return dtype == DType::bf16 && rounds ? 0.002 : 5e-6;
}

// 16 positions of a head: 16 · dim bytes and a scale of 4 bytes a position, for keys and for
// values.
void int8_pages_take_a_quarter() {
  check(cpu::bytes_per_page(DType::i8, 64, 8, 128) == 64 * 8 * 2 * (128 + 4), "int8 page bytes");
  check(cpu::bytes_per_page(DType::f32, 64, 8, 128) == 64 * 8 * 2 * 128 * 4, "f32 page bytes");
  check(cpu::bytes_per_page(DType::i8, 16, 1, 33) == 16 * (36 + 33 + 8), "int8 page, odd heads");
}

// A value that overflowed reaches the tokens that may see it, and no other.
void later_infinities_stay_away(const cpu::Kernels& kernels, DType dtype) {
  const Case c{2, 1, 16, {40}};
  Data data = make_data(c);
  const How how{dtype, 16, 40, 1};
  const std::vector<float> clean = run(c, data, how, kernels);
  for (int64_t d = 0; d < c.dim; d++) {
    data.k[0][static_cast<size_t>(21 * c.dim + d)] = INFINITY;
    data.v[0][static_cast<size_t>(21 * c.dim + d)] = INFINITY;
  }
  const std::vector<float> y = run(c, data, how, kernels);
  check_same_bits(y.data(), clean.data(), 21 * c.heads * c.dim,
                  std::string(kernels.name) + " attention: a later Inf");
  check(std::isnan(y[static_cast<size_t>(21 * c.heads * c.dim)]), "attention: its own Inf is seen");
}

// One sequence with one kv head is computed in parts, more of them with more threads.
void long_sequences_have_the_same_bits(const cpu::Kernels& kernels, DType dtype) {
  const Case c{2, 1, 80, {1100}};
  const Data data = make_data(c);
  const How alone{dtype, 64, 1099, 1};
  const std::vector<float> y = run(c, data, alone, kernels);
  if (dtype == DType::bf16) {
    check_close(y, reference(c, data, dtype), tolerance(dtype, kernels), name(c, alone, kernels));
  }
  for (const How& how : {How{dtype, 64, 1099, 2}, How{dtype, 16, 1000, 3}}) {
    const std::vector<float> other = run(c, data, how, kernels);
    check_same_bits(other.data(), y.data(), static_cast<int64_t>(y.size()),
                    name(c, how, kernels) + " parts");
  }
}

// The last tokens of a context that was stored before: two in one step, and the very last alone.
void long_contexts_end_in_the_same_bits(const cpu::Kernels& kernels, DType dtype) {
  constexpr int64_t length = 33'100;
  const Case c{8, 1, 16, {length}};
  Data data = make_data(c);
  const int64_t width = c.heads * c.dim;
  Cache cache;
  make_cache(cache, c, {dtype, 64, length, 2});
  Machine machine(2, kernels);
  std::vector<int32_t> positions(length);
  std::iota(positions.begin(), positions.end(), 0);
  const auto batch_of_last = [&](int64_t n, const std::vector<int32_t>& starts,
                                 const std::vector<int32_t>& lengths) {
    return BatchView{static_cast<int32_t>(n),
                     1,
                     static_cast<int32_t>(cache.max_pages),
                     nullptr,
                     positions.data() + length - n,
                     starts.data(),
                     lengths.data(),
                     cache.tables.data()};
  };
  const std::vector<int32_t> lengths{length};
  const std::vector<int32_t> all{0, length};
  ops::store_kv(cache.region, tensor(data.k[0], {length, c.kv_heads * c.dim}),
                tensor(data.v[0], {length, c.kv_heads * c.dim}),
                batch_of_last(length, all, lengths), machine.stream);
  std::vector<float> last;
  for (const int32_t n : {2, 1}) {
    const std::vector<int32_t> starts{0, n};
    std::vector<float> q(data.q[0].end() - n * width, data.q[0].end());
    std::vector<float> y = poisoned(n * width);
    ops::attention(tensor(y, {n, width}), tensor(q, {n, width}), cache.region,
                   batch_of_last(n, starts, lengths), 0.2f, machine.stream);
    if (n == 2) last = y;
    else
      check_same_bits(y.data(), last.data() + width, width,
                      std::string(kernels.name) + " attention: the last token of a long context");
  }
  const std::vector<double> want = last_tokens(c, data, dtype, length - 2);
  check_close(last, want, tolerance(dtype, kernels),
              std::string(kernels.name) + " attention: a long context");
}

}  // namespace

void test_attention(const cpu::Kernels& kernels) {
  for (const Case& c : kCases) {
    const Data data = make_data(c);
    for (DType dtype : {DType::f32, DType::bf16, DType::i8}) {
      const How whole{dtype, 64, 1000, 2};
      const std::vector<float> y = run(c, data, whole, kernels);
      check_close(y, reference(c, data, dtype), tolerance(dtype, kernels), name(c, whole, kernels));
      for (const How& how : {How{dtype, 16, 1, 1}, How{dtype, 32, 7, 3}, How{dtype, 256, 64, 2},
                             How{dtype, 48, 5, 1}}) {
        const std::vector<float> other = run(c, data, how, kernels);
        check_same_bits(other.data(), y.data(), static_cast<int64_t>(y.size()),
                        name(c, how, kernels) + " bits");
      }
    }
  }
  for (DType dtype : {DType::f32, DType::bf16, DType::i8}) {
    later_infinities_stay_away(kernels, dtype);
    long_sequences_have_the_same_bits(kernels, dtype);
    if (dtype != DType::f32) long_contexts_end_in_the_same_bits(kernels, dtype);
  }
  int8_pages_take_a_quarter();
}

}  // namespace conclave::test

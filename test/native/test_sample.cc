// sample against its definition by a sort, and logprobs against f64; on a card also against the
// CPU, bit for bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "grammar/compile.h"
#include "harness.h"
#include "ops/sample.h"
#include "ops/sample_math.h"

namespace conclave::test {

namespace {

using ops::SampleResult;
using ops::SamplerState;
using ops::SampleStatus;
using ops::SamplingParams;

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Case {
  std::string name;
  std::vector<float> logits;
  SamplingParams params;
  std::vector<int32_t> prompt, generated;
  std::shared_ptr<grammar::Grammar> grammar = nullptr;
};

SamplerState state_of(const Case& c) {
  SamplerState state;
  state.params = c.params;
  for (const int32_t id : c.prompt) state.prompt_counts[id]++;
  for (const int32_t id : c.generated) state.generated_counts[id]++;
  state.num_generated = static_cast<int32_t>(c.generated.size());
  if (c.grammar) state.matcher = std::make_unique<grammar::Matcher>(c.grammar);
  return state;
}

// ---- the definition

// Logits behind bias, penalties, bans and the grammar.
std::vector<float> edited_row(const Case& c) {
  const SamplingParams& p = c.params;
  std::vector<float> x = c.logits;
  if (p.vocab_limit > 0) x.resize(std::min(x.size(), static_cast<size_t>(p.vocab_limit)));
  const auto n = static_cast<int32_t>(x.size());
  const auto edit = [&](int32_t id, auto f) {
    if (id < 0 || id >= n) return;
    float& value = x[static_cast<size_t>(id)];
    value = static_cast<float>(f(double{value}));
  };
  const auto uses = [](const std::vector<int32_t>& ids, int32_t id) {
    return std::count(ids.begin(), ids.end(), id);
  };
  for (size_t i = 0; i < p.bias_ids.size(); i++)
    edit(p.bias_ids[i], [&](double v) { return v + p.bias_values[i]; });
  for (int32_t id = 0; id < n; id++) {
    const auto generated = uses(c.generated, id);
    if (p.repetition_penalty != 1 && (generated > 0 || uses(c.prompt, id) > 0))
      edit(id,
           [&](double v) { return v > 0 ? v / p.repetition_penalty : v * p.repetition_penalty; });
    if (generated > 0 && (p.presence_penalty != 0 || p.frequency_penalty != 0))
      edit(id, [&](double v) {
        const double by_count = double{p.frequency_penalty} * static_cast<double>(generated);
        return v - p.presence_penalty - by_count;
      });
  }
  const std::vector<int32_t>& ends = p.banned_until_min;
  if (static_cast<int32_t>(c.generated.size()) < p.min_tokens)
    for (const int32_t id : ends) edit(id, [](double) { return -double{kInf}; });
  if (c.grammar) {
    grammar::Matcher matcher(c.grammar);
    matcher.prepare(0);
    for (int32_t id = 0; id < n; id++) {
      const bool is_end = uses(ends, id) > 0;
      const auto word = static_cast<size_t>(id / 64);
      const bool in_mask = matcher.mask() && word < matcher.mask()->bits.size() &&
                           (matcher.mask()->bits[word] >> id % 64 & 1) != 0;
      if (!(is_end ? matcher.may_end() : in_mask)) x[static_cast<size_t>(id)] = -kInf;
    }
  }
  return x;
}

// Ids of finite logits, best first.
std::vector<int32_t> order_of(const std::vector<float>& x) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < x.size(); i++)
    if (x[i] > -kInf) order.push_back(static_cast<int32_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return x[static_cast<size_t>(a)] > x[static_cast<size_t>(b)];
  });
  return order;
}

int32_t defined_token(const std::vector<float>& x, const Case& c) {
  const SamplingParams& p = c.params;
  std::vector<int32_t> order = order_of(x);
  const auto value = [&](int32_t id) { return x[static_cast<size_t>(id)]; };
  const float top = value(order[0]);
  if (p.temperature == 0) return order[0];
  const auto weight = [&](int32_t id) {
    return ops::weight(value(id), top, p.temperature, PlainProduct{});
  };
  const auto total = [&] {
    uint64_t sum = 0;
    for (const int32_t id : order) sum += weight(id);
    return sum;
  };
  if (p.top_k > 0 && static_cast<size_t>(p.top_k) < order.size()) {
    const float last = value(order[static_cast<size_t>(p.top_k) - 1]);
    std::erase_if(order, [&](int32_t id) { return value(id) < last; });
  }
  if (p.top_p < 1) {
    const double most = double{p.top_p} * static_cast<double>(total());
    uint64_t above = 0;
    size_t kept = 0;
    for (; kept < order.size(); kept++) {
      if (kept > 0 && static_cast<double>(above) >= most) break;
      above += weight(order[kept]);
    }
    order.resize(kept);
  }
  if (p.min_p > 0) {
    const double least = std::min(1.0, double{p.min_p}) * static_cast<double>(ops::kOne);
    std::erase_if(order, [&](int32_t id) { return static_cast<double>(weight(id)) < least; });
  }
  const uint64_t random = random_number(p.seed, c.generated.size());
  uint64_t left = ops::drawn(random, total());
  std::sort(order.begin(), order.end());
  for (const int32_t id : order) {
    if (left < weight(id)) return id;
    left -= weight(id);
  }
  return -1;
}

void check_defined(const SampleResult& got, const Case& c, const std::string& what) {
  const bool raw_sound = std::all_of(
      c.logits.begin(),
      c.params.vocab_limit > 0 ? c.logits.begin() + c.params.vocab_limit : c.logits.end(),
      [](float v) { return v < kInf; });
  const std::vector<float> x = edited_row(c);
  const bool sound = raw_sound && std::all_of(x.begin(), x.end(), [](float v) { return v < kInf; });
  const std::vector<int32_t> order = order_of(x);
  if (!sound || order.empty()) {
    const bool by_grammar = sound && c.grammar != nullptr;
    check(got.token_id == -1, what + ": a token of an unsound row");
    check((got.status == SampleStatus::numerical_error) != by_grammar, what + ": other status");
    return;
  }
  check(got.status == SampleStatus::ok, what + ": not ok");
  check(got.token_id == defined_token(x, c), what + ": token " + std::to_string(got.token_id) +
                                                 ", not " + std::to_string(defined_token(x, c)));
  if (c.params.logprobs < 0) return;
  double sum = 0;
  const double top = x[static_cast<size_t>(order[0])];
  for (const float v : x) sum += std::exp(v - top);
  const auto logprob = [&](int32_t id) { return x[static_cast<size_t>(id)] - top - std::log(sum); };
  const auto close = [&](float a, int32_t id) {
    return std::fabs(a - logprob(id)) <= 1e-6 * (1 + std::fabs(logprob(id)));
  };
  check(close(got.logprob, got.token_id), what + ": logprob");
  const size_t listed = std::min(order.size(), static_cast<size_t>(c.params.logprobs));
  bool same = got.top_ids.size() == static_cast<size_t>(c.params.logprobs);
  for (size_t i = 0; same && i < got.top_ids.size(); i++)
    same = i < listed ? got.top_ids[i] == order[i] && close(got.top_logprobs[i], order[i])
                      : got.top_ids[i] == -1 && got.top_logprobs[i] == 0;
  check(same, what + ": alternatives");
}

bool same_bits(const SampleResult& a, const SampleResult& b) {
  const auto same = [](const std::vector<float>& x, const std::vector<float>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](float p, float q) {
      return std::bit_cast<uint32_t>(p) == std::bit_cast<uint32_t>(q);
    });
  };
  return a.status == b.status && a.token_id == b.token_id && same({a.logprob}, {b.logprob}) &&
         a.top_ids == b.top_ids && same(a.top_logprobs, b.top_logprobs);
}

// ---- cases

std::vector<float> normal(int64_t n, uint64_t seed, float scale) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> draw(0, scale);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = draw(random);
  return x;
}

// Rows of n logits that look unlike each other.
std::vector<std::pair<std::string, std::vector<float>>> rows_of(int64_t n) {
  std::vector<std::pair<std::string, std::vector<float>>> rows;
  rows.emplace_back("normal", normal(n, 1, 3));
  rows.emplace_back("peaked", normal(n, 2, 20));
  rows.emplace_back("flat", normal(n, 3, 1e-3f));
  rows.emplace_back("equal", std::vector<float>(static_cast<size_t>(n), -2.5f));
  std::vector<float> ties = normal(n, 4, 2), zeros = ties, sparse = ties, single = ties;
  for (float& v : ties) v = std::round(v);
  for (size_t i = 0; i < zeros.size(); i++) zeros[i] = i % 3 == 0 ? -0.0f : i % 3 == 1 ? 0.0f : -1;
  for (size_t i = 0; i < sparse.size(); i++)
    if (i % 97 != 5) sparse[i] = -kInf;
  for (size_t i = 0; i < single.size(); i++)
    if (i != single.size() / 2) single[i] = -kInf;
  rows.emplace_back("ties", ties);
  rows.emplace_back("zeros", zeros);
  rows.emplace_back("sparse", sparse);
  rows.emplace_back("single", single);
  std::vector<float> wide = normal(n, 5, 1);
  for (float& v : wide) v *= 1e37f;
  rows.emplace_back("wide", wide);
  return rows;
}

std::vector<std::pair<std::string, SamplingParams>> settings_of(int64_t n) {
  std::vector<std::pair<std::string, SamplingParams>> all;
  const auto add = [&](const std::string& name, auto set) {
    SamplingParams p;
    set(p);
    p.seed = 77 + all.size();
    p.logprobs = std::array{-1, 0, 1, 5, 20, 1024}[all.size() % 6];
    all.emplace_back(name, p);
  };
  const auto k = [](double share) { return static_cast<int32_t>(share); };
  add("greedy", [](auto& p) { p.temperature = 0; });
  add("all", [](auto&) {});
  add("cold", [](auto& p) { p.temperature = 0.05f; });
  add("hot", [](auto& p) { p.temperature = 40; });
  add("tiny temperature", [](auto& p) { p.temperature = 1e-30f; });
  for (const int32_t top_k : {1, 2, 40, k(0.5 * double(n)) + 1, k(double(n)), k(double(n)) + 9})
    add("top_k " + std::to_string(top_k), [&](auto& p) { p.top_k = top_k; });
  for (const float top_p : {0.0f, 0.3f, 0.5f, 0.95f, 1 - 0x1p-24f})
    add("top_p " + std::to_string(top_p), [&](auto& p) { p.top_p = top_p; });
  for (const float min_p : {1e-9f, 0.05f, 1.0f})
    add("min_p " + std::to_string(min_p), [&](auto& p) { p.min_p = min_p; });
  add("all three", [](auto& p) { p.top_k = 50, p.top_p = 0.9f, p.min_p = 0.01f; });
  add("hot, top_p, min_p", [](auto& p) { p.temperature = 3, p.top_p = 0.99f, p.min_p = 1e-3f; });
  add("limit", [&](auto& p) { p.vocab_limit = static_cast<int32_t>((n + 1) / 2), p.top_k = 3; });
  add("penalties", [](auto& p) {
    p.repetition_penalty = 1.3f, p.presence_penalty = 0.7f, p.frequency_penalty = 0.31f;
  });
  add("rewards",
      [](auto& p) { p.temperature = 0, p.repetition_penalty = 0.5f, p.frequency_penalty = -0.9f; });
  add("bias", [&](auto& p) {
    for (int32_t i = -1; i < 40; i++) {
      p.bias_ids.push_back(static_cast<int32_t>((i * 7919 + 3) % (n + 2)) - (i < 0 ? 5000 : 0));
      p.bias_values.push_back(static_cast<float>(i % 9) - 3.3f);
    }
    p.bias_ids.push_back(p.bias_ids[5]);  // twice
    p.bias_values.push_back(0.1f);
    p.repetition_penalty = 1.1f;
  });
  add("banned", [&](auto& p) {
    p.temperature = 0, p.min_tokens = 50;
    p.banned_until_min = {static_cast<int32_t>(n / 2), 0, static_cast<int32_t>(n), -1};
  });
  return all;
}

// Token i is "a", "b", …: 26 of them, then two letters.
std::shared_ptr<grammar::Vocabulary> letters(int64_t n) {
  std::vector<uint8_t> bytes;
  std::vector<int32_t> offsets{0};
  for (int64_t i = 0; i < n; i++) {
    if (i >= 26) bytes.push_back(static_cast<uint8_t>('a' + i / 26 % 26));
    bytes.push_back(static_cast<uint8_t>('a' + i % 26));
    offsets.push_back(static_cast<int32_t>(bytes.size()));
  }
  return std::make_shared<grammar::Vocabulary>(std::move(bytes), std::move(offsets));
}

std::vector<Case> cases_of(int64_t n) {
  std::vector<Case> cases;
  std::vector<int32_t> prompt, generated;
  for (int32_t i = 0; i < 30; i++) {
    prompt.push_back(static_cast<int32_t>(i * 101 % n));
    generated.push_back(static_cast<int32_t>(i * i * 37 % n));
  }
  for (const auto& [kind, logits] : rows_of(n)) {
    for (const auto& [name, params] : settings_of(n))
      cases.push_back({kind + ", " + name, logits, params, prompt, generated});
  }
  return cases;
}

// Rows that have no token, and rows that follow a grammar.
std::vector<Case> odd_cases(int64_t n) {
  std::vector<Case> cases;
  SamplingParams params;
  params.logprobs = 3;
  const auto with = [&](float value, int64_t at) {
    std::vector<float> x = normal(n, 9, 2);
    x[static_cast<size_t>(at)] = value;
    return x;
  };
  cases.push_back({"NaN", with(std::nanf(""), n - 1), params, {}, {}});
  cases.push_back({"-NaN", with(-std::nanf(""), n / 2), params, {}, {}});
  cases.push_back({"+Inf", with(kInf, n / 3), params, {}, {}});
  cases.push_back({"no finite", std::vector<float>(static_cast<size_t>(n), -kInf), params, {}, {}});
  SamplingParams limited = params;
  limited.vocab_limit = static_cast<int32_t>(n - 1);
  cases.push_back({"NaN behind the limit", with(std::nanf(""), n - 1), limited, {}, {}});
  SamplingParams ban = params;
  ban.bias_ids = {static_cast<int32_t>(n - 1)};
  ban.bias_values = {kInf};
  cases.push_back({"bias +Inf", normal(n, 9, 2), ban, {}, {}});
  const auto vocabulary = letters(n);
  const auto follow = [&](const char* regex, SamplingParams p) {
    auto grammar =
        std::make_shared<grammar::Grammar>(grammar::compile({"regex", regex}), vocabulary);
    cases.push_back({std::string("regex ") + regex, normal(n, 10, 3), p, {}, {}, grammar});
  };
  for (const float temperature : {0.0f, 1.0f}) {
    params.temperature = temperature;
    params.banned_until_min = {static_cast<int32_t>(n - 1), 3};
    follow("[a-m]+z", params);
    follow("(q|rs)*", params);
    follow("[0-9]", params);  // no token fits
  }
  cases.push_back(
      {"NaN that the grammar masks", with(std::nanf(""), 1), params, {}, {}, cases.back().grammar});
  return cases;
}

void run(Machine& machine, const std::vector<Case>& cases) {
  // Several rows a call, one of them not sampled.
  constexpr size_t kRows = 7;
  for (size_t first = 0; first < cases.size(); first += kRows) {
    const size_t rows = std::min(kRows, cases.size() - first);
    const auto vocab = static_cast<int64_t>(cases[first].logits.size());
    std::vector<float> logits;
    std::vector<SamplerState> states, cpu_states;
    for (size_t r = 0; r < rows; r++) {
      const Case& c = cases[first + r];
      logits.insert(logits.end(), c.logits.begin(), c.logits.end());
      states.push_back(state_of(c));
      cpu_states.push_back(state_of(c));
    }
    logits.resize(logits.size() + static_cast<size_t>(vocab), std::nanf(""));
    const auto all = [](std::vector<SamplerState>& of) {
      std::vector<SamplerState*> list;
      for (SamplerState& state : of) list.push_back(&state);
      list.insert(list.begin() + static_cast<int64_t>(list.size() / 2), nullptr);
      return list;
    };
    const size_t skipped = rows / 2;
    // The row that is not sampled moves in between.
    std::rotate(logits.begin() + static_cast<int64_t>(skipped) * vocab, logits.end() - vocab,
                logits.end());
    const Tensor there = tensor(logits, {static_cast<int64_t>(rows) + 1, vocab});
    std::vector<SampleResult> got, cpu;
    ops::sample(got, there, all(states), machine.stream);
    ops::sample(cpu, there, all(cpu_states), machine.cpu_stream);
    check(got[skipped].token_id == -1, "sample: a row that nobody samples");
    for (size_t r = 0; r < rows; r++) {
      const Case& c = cases[first + r];
      const size_t at = r < skipped ? r : r + 1;
      const std::string what =
          std::string(machine.kernels.name) + " sample " + std::to_string(vocab) + " " + c.name;
      check_defined(got[at], c, what);
      check(same_bits(got[at], cpu[at]), what + ": other bits than the CPU's");
      const bool counted = got[at].token_id >= 0;
      check(states[r].num_generated == static_cast<int32_t>(c.generated.size()) + counted,
            what + ": not counted");
    }
  }
}

}  // namespace

void test_sample(const cpu::Kernels& kernels) {
  Machine machine(2, kernels);
  for (const int64_t n : {1, 63, 64, 65, 300, 2049, 4500}) run(machine, cases_of(n));
  // More blocks of ids than a thread block has threads.
  std::vector<Case> large = cases_of(40'000);
  std::erase_if(large, [](const Case& c) { return !c.name.starts_with("normal"); });
  run(machine, large);
  for (const int64_t n : {64, 2100}) run(machine, odd_cases(n));
}

}  // namespace conclave::test

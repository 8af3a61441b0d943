// sample on the CPU: one row a task. Passes over the vocabulary are in vectors; nothing sorts all
// of it.
#include "ops/sample.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "cpu/exact_math.h"
#include "cpu/plain.h"
#include "cpu/stream.h"

namespace conclave::cpu {

bool plain::block_maxima(float* largest, float* maxima, const float* x, int64_t n) {
  bool sound = true;
  *largest = -std::numeric_limits<float>::infinity();
  for (int64_t start = 0; start < n; start += kScanBlock) {
    float& top = maxima[start / kScanBlock] = x[start];
    for (int64_t i = start; i < std::min(n, start + kScanBlock); i++) {
      sound = sound && x[i] < std::numeric_limits<float>::infinity();
      top = std::max(top, x[i]);
    }
    *largest = std::max(*largest, top);
  }
  return sound;
}

namespace {

using ops::SampleResult;
using ops::SamplerState;
using ops::SampleStatus;
using ops::SamplingParams;

constexpr int64_t kBlock = kScanBlock;  // elements whose maximum is kept
constexpr int kBuckets = 1 << 12;       // of the radix selection
constexpr float kInf = std::numeric_limits<float>::infinity();

// Working memory of one thread, for rows of `vocab` values.
struct Scratch {
  double* weights;    // (vocab) of the candidates
  double* histogram;  // (kBuckets)
  float* row;         // (vocab) the edited copy
  float* values;      // (vocab) of the candidates
  float* maxima;      // (blocks)
  int32_t* ids;       // (vocab) of the candidates, rising
  int32_t* border;    // (vocab)

  static int64_t bytes(int64_t vocab) {
    return vocab * 24 + (vocab / kBlock + 1) * 4 + kBuckets * 8 + 64;
  }
  Scratch(void* memory, int64_t vocab) {
    weights = static_cast<double*>(memory);
    histogram = weights + vocab;
    row = reinterpret_cast<float*>(histogram + kBuckets);
    values = row + vocab;
    ids = reinterpret_cast<int32_t*>(values + vocab);
    border = ids + vocab;
    maxima = reinterpret_cast<float*>(border + vocab);
  }
};

bool has_edits(const SamplerState& state) {
  const SamplingParams& p = state.params;
  return !p.bias_ids.empty() || p.repetition_penalty != 1 || p.presence_penalty != 0 ||
         p.frequency_penalty != 0 ||
         (state.num_generated < p.min_tokens && !p.banned_until_min.empty()) || state.matcher;
}

// What the grammar does not allow becomes −Inf.
void apply_mask(float* row, int64_t vocab, const SamplerState& state) {
  const grammar::Matcher& matcher = *state.matcher;
  const std::vector<int32_t>& ends = state.params.banned_until_min;
  float kept[16];
  const size_t num_ends = std::min<size_t>(ends.size(), 16);
  for (size_t i = 0; i < num_ends; i++)
    kept[i] = ends[i] >= 0 && ends[i] < vocab && matcher.may_end() ? row[ends[i]] : -kInf;
  const grammar::Mask* mask = matcher.mask();
  const int64_t words = mask ? static_cast<int64_t>(mask->bits.size()) : 0;
  for (int64_t start = 0; start < vocab; start += 64) {
    const uint64_t bits = start / 64 < words ? mask->bits[static_cast<size_t>(start / 64)] : 0;
    const int64_t end = std::min(vocab, start + 64);
    if (bits == 0) std::fill(row + start, row + end, -kInf);
    else
      for (int64_t i = start; i < end; i++) row[i] = bits >> (i - start) & 1 ? row[i] : -kInf;
  }
  for (const int32_t id : ends)
    if (id >= 0 && id < vocab) row[id] = -kInf;
  for (size_t i = 0; i < num_ends; i++)
    if (ends[i] >= 0 && ends[i] < vocab) row[ends[i]] = kept[i];
}

SampleStatus nothing_left(const SamplerState& state) {
  if (!state.matcher) return SampleStatus::numerical_error;
  if (state.matcher->state() == grammar::MatchState::limit) return SampleStatus::grammar_limit;
  return state.matcher->may_end() ? SampleStatus::grammar_complete : SampleStatus::grammar_dead;
}

// logit_bias, then the penalties, in f64 on each touched id alone, so the maps' order does not
// matter.
void edit(float* row, int64_t vocab, const SamplerState& state) {
  const SamplingParams& p = state.params;
  const auto inside = [vocab](int32_t id) { return id >= 0 && id < vocab; };
  for (size_t i = 0; i < p.bias_ids.size(); i++)
    if (inside(p.bias_ids[i]))
      row[p.bias_ids[i]] =
          static_cast<float>(static_cast<double>(row[p.bias_ids[i]]) + p.bias_values[i]);
  if (p.repetition_penalty != 1) {
    const auto repeat = [&](int32_t id) {
      const double x = row[id], penalty = p.repetition_penalty;
      row[id] = static_cast<float>(x > 0 ? x / penalty : x * penalty);
    };
    for (const auto& [id, count] : state.prompt_counts)
      if (inside(id)) repeat(id);
    for (const auto& [id, count] : state.generated_counts)
      if (inside(id) && !state.prompt_counts.count(id)) repeat(id);
  }
  if (p.presence_penalty != 0 || p.frequency_penalty != 0)
    for (const auto& [id, count] : state.generated_counts)
      if (inside(id))
        row[id] = static_cast<float>(row[id] - static_cast<double>(p.presence_penalty) -
                                     static_cast<double>(p.frequency_penalty) * count);
  if (state.num_generated < p.min_tokens)
    for (int32_t id : p.banned_until_min)
      if (inside(id)) row[id] = -kInf;
  if (state.matcher) apply_mask(row, vocab, state);
}

// The k-th largest of x; 1 ≤ k ≤ n. A block's maximum is one element, so the k-th largest of the
// maxima bounds it from below, and only blocks that reach the bound are looked into.
float kth_largest(const Scratch& s, const float* x, int64_t n, int64_t k) {
  const int64_t num_blocks = (n + kBlock - 1) / kBlock;
  float bound = -kInf;
  float* heads = reinterpret_cast<float*>(s.border);
  if (k <= num_blocks) {
    std::copy(s.maxima, s.maxima + num_blocks, heads);
    std::nth_element(heads, heads + (k - 1), heads + num_blocks, std::greater<float>());
    bound = heads[k - 1];
  }
  int64_t found = 0;
  for (int64_t b = 0; b < num_blocks; b++) {
    if (s.maxima[b] < bound) continue;
    const int64_t end = std::min(n, (b + 1) * kBlock);
    for (int64_t i = b * kBlock; i < end; i++)
      if (x[i] >= bound) heads[found++] = x[i];
  }
  std::nth_element(heads, heads + (k - 1), heads + found, std::greater<float>());
  return heads[k - 1];
}

// Candidates: ids in rising order whose value is at least `bound`, −Inf never.
int64_t collect(Scratch& s, const float* x, int64_t n, float bound) {
  int64_t found = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    if (s.maxima[start / kBlock] < bound) continue;
    const int64_t end = std::min(n, start + kBlock);
    for (int64_t i = start; i < end; i++) {
      s.ids[found] = static_cast<int32_t>(i);
      s.values[found] = x[i];
      found += x[i] >= bound && x[i] > -kInf;
    }
  }
  return found;
}

double sum(const double* w, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; l++) lanes[l] += w[i + l];
  for (; i < n; i++) lanes[0] += w[i];
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Rises with the float; −0 and +0 are one value.
uint32_t sort_key(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x == 0 ? 0.0f : x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// Keeps the candidates of at least this weight; the best one's is 1.
int64_t keep_from(Scratch& s, int64_t n, double weight) {
  int64_t kept = 0;
  for (int64_t j = 0; j < n; j++) {
    s.ids[kept] = s.ids[j];
    s.values[kept] = s.values[j];
    s.weights[kept] = s.weights[j];
    kept += s.weights[j] >= weight;
  }
  return kept;
}

// Keeps a candidate while the weight of those above it is below top_p of all (equal values: the
// lower id is above). Radix selection of the border: three histograms over 12, 12 and 8 bits of the
// key, each inside the last one's bucket.
int64_t keep_top_p(Scratch& s, int64_t n, double top_p) {
  const double total = sum(s.weights, n);
  // Never 0: the best candidate stays even at top_p 0.
  const double target = std::max(top_p * total, std::numeric_limits<double>::min());
  // All those far below the mean weigh less together than what is cut off; the rest is usually
  // small.
  n = keep_from(s, n, 0.5 * (1 - top_p) * total / static_cast<double>(n));
  double above = 0;
  uint32_t prefix = 0, mask = 0;
  int64_t in_border = n;
  for (int64_t j = 0; j < n; j++) s.border[j] = static_cast<int32_t>(j);
  for (const int shift : {20, 8, 0}) {
    const uint32_t level = shift == 0 ? 0xffu : 0xfffu;
    std::memset(s.histogram, 0, kBuckets * sizeof(double));
    for (int64_t b = 0; b < in_border; b++)
      s.histogram[(sort_key(s.values[s.border[b]]) >> shift) & level] += s.weights[s.border[b]];
    uint32_t bucket = level;
    while (bucket > 0 && above + s.histogram[bucket] < target) above += s.histogram[bucket--];
    prefix |= bucket << shift;
    mask |= level << shift;
    int64_t left = 0;
    for (int64_t b = 0; b < in_border; b++)
      if ((sort_key(s.values[s.border[b]]) & mask) == prefix) s.border[left++] = s.border[b];
    in_border = left;
  }
  int64_t kept = 0;
  for (int64_t j = 0; j < n; j++) {
    const uint32_t key = sort_key(s.values[j]);
    if (key < prefix) continue;
    if (key == prefix) {
      if (!(above < target)) continue;
      above += s.weights[j];
    }
    s.ids[kept] = s.ids[j];
    s.values[kept] = s.values[j];
    s.weights[kept++] = s.weights[j];
  }
  return kept;
}

int32_t draw(Scratch& s, const float* x, int64_t n, float largest, const SamplerState& state) {
  const SamplingParams& p = state.params;
  const bool cut = p.top_k > 0 && p.top_k < n;
  int64_t count = collect(s, x, n, cut ? kth_largest(s, x, n, p.top_k) : -kInf);
  const double top = largest, temperature = p.temperature;
  for (int64_t j = 0; j < count; j++)
    s.weights[j] = exact_exp((static_cast<double>(s.values[j]) - top) / temperature);
  if (p.top_p < 1) count = keep_top_p(s, count, p.top_p);
  if (p.min_p > 0) count = keep_from(s, count, p.min_p);
  double left = uniform(p.seed, static_cast<uint64_t>(state.num_generated)) * sum(s.weights, count);
  int64_t last = 0;
  for (int64_t j = 0; j < count; j++) {
    if (s.weights[j] == 0) continue;
    last = j;
    left -= s.weights[j];
    if (left < 0) break;
  }
  return s.ids[last];
}

// log-softmax of the edited logits at the sampled id and at the best ones.
void add_logprobs(SampleResult& result, Scratch& s, const float* x, int64_t n, float largest) {
  const double top = largest;
  for (int64_t i = 0; i < n; i++) s.weights[i] = exact_exp(static_cast<double>(x[i]) - top);
  const double log_sum = top + exact_log(sum(s.weights, n));
  const auto logprob = [&](int32_t id) { return static_cast<float>(x[id] - log_sum); };
  result.logprob = logprob(result.token_id);
  const int64_t wanted = std::min<int64_t>(static_cast<int64_t>(result.top_ids.size()), n);
  if (wanted == 0) return;
  const int64_t found = collect(s, x, n, kth_largest(s, x, n, wanted));
  const int64_t listed = std::min(wanted, found);
  std::partial_sort(s.ids, s.ids + listed, s.ids + found,
                    [x](int32_t a, int32_t b) { return x[a] != x[b] ? x[a] > x[b] : a < b; });
  for (int64_t j = 0; j < listed; j++) {
    result.top_ids[static_cast<size_t>(j)] = s.ids[j];
    result.top_logprobs[static_cast<size_t>(j)] = logprob(s.ids[j]);
  }
}

void sample_row(SampleResult& result, Scratch s, const float* x, int64_t vocab,
                const SamplerState& state, const Kernels& kernels) {
  const SamplingParams& p = state.params;
  const int64_t n = p.vocab_limit > 0 ? std::min<int64_t>(vocab, p.vocab_limit) : vocab;
  float largest;
  bool sound = kernels.block_maxima(&largest, s.maxima, x, n);
  if (sound && has_edits(state)) {
    std::copy(x, x + n, s.row);
    edit(s.row, n, state);
    x = s.row;
    sound = kernels.block_maxima(&largest, s.maxima, x, n);
  }
  if (!sound || largest == -kInf) {
    result.status = sound ? nothing_left(state) : SampleStatus::numerical_error;
    return;
  }
  if (state.matcher && state.matcher->closing()) result.status = SampleStatus::ok_closing;
  if (p.temperature == 0) {
    int64_t b = 0;
    while (s.maxima[b] < largest) b++;
    result.token_id = static_cast<int32_t>(std::find(x + b * kBlock, x + n, largest) - x);
  } else {
    result.token_id = draw(s, x, n, largest, state);
  }
  if (p.logprobs >= 0) add_logprobs(result, s, x, n, largest);
}

}  // namespace

void sample(std::vector<SampleResult>& results, Tensor logits,
            const std::vector<SamplerState*>& states, Stream& stream) {
  CpuStream& cpu = static_cast<CpuStream&>(stream);
  const int64_t num_rows = logits.shape[0], vocab = logits.shape[1];
  const int64_t stride = (Scratch::bytes(vocab) + 63) / 64 * 64;
  char* memory = static_cast<char*>(cpu.scratch(0, stride * cpu.pool.num_threads()));
  // All that may run out of memory happens out here: a task of the pool must not throw.
  for (int64_t r = 0; r < num_rows; r++) {
    const SamplerState* state = states[static_cast<size_t>(r)];
    if (state == nullptr || state->params.logprobs < 0) continue;
    results[static_cast<size_t>(r)].top_ids.assign(static_cast<size_t>(state->params.logprobs), -1);
    results[static_cast<size_t>(r)].top_logprobs.assign(static_cast<size_t>(state->params.logprobs),
                                                        0.0f);
  }
  cpu.pool.parallel_for(num_rows, [&](int64_t r, int thread) {
    const SamplerState* state = states[static_cast<size_t>(r)];
    if (state == nullptr) return;
    if (state->matcher) state->matcher->prepare(state->tokens_left());
    sample_row(results[static_cast<size_t>(r)], Scratch(memory + stride * thread, vocab),
               logits.f32() + r * vocab, vocab, *state, cpu.kernels);
  });
  for (int64_t r = 0; r < num_rows; r++) {
    SamplerState* state = states[static_cast<size_t>(r)];
    const SampleResult& result = results[static_cast<size_t>(r)];
    if (state == nullptr || result.token_id < 0) continue;
    state->generated_counts[result.token_id]++;
    state->num_generated++;
    const std::vector<int32_t>& ends = state->params.banned_until_min;
    const bool ended = std::find(ends.begin(), ends.end(), result.token_id) != ends.end();
    if (state->matcher && !ended) state->matcher->accept(result.token_id);
  }
}

}  // namespace conclave::cpu

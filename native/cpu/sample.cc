// sample on the CPU: one row a task. Passes over the vocabulary are in vectors; nothing sorts all
// of it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "cpu/ops.h"
#include "cpu/plain.h"
#include "cpu/stream.h"
#include "ops/sample_edits.h"

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
  uint64_t* weights;    // (vocab) of the candidates
  uint64_t* histogram;  // (kBuckets)
  float* row;           // (vocab) the edited copy
  float* values;        // (vocab) of the candidates
  float* maxima;        // (blocks)
  int32_t* ids;         // (vocab) of the candidates, rising
  int32_t* border;      // (vocab)

  static int64_t bytes(int64_t vocab) {
    return vocab * 24 + (vocab / kBlock + 1) * 4 + kBuckets * 8 + 64;
  }
  Scratch(void* memory, int64_t vocab) {
    weights = static_cast<uint64_t*>(memory);
    histogram = weights + vocab;
    row = reinterpret_cast<float*>(histogram + kBuckets);
    values = row + vocab;
    ids = reinterpret_cast<int32_t*>(values + vocab);
    border = ids + vocab;
    maxima = reinterpret_cast<float*>(border + vocab);
  }
};

// What the grammar does not allow becomes −Inf.
void apply_mask(float* row, uint64_t* allowed, int64_t vocab, const SamplerState& state) {
  ops::fill_allowed(allowed, state, vocab);
  for (int64_t start = 0; start < vocab; start += 64) {
    const uint64_t bits = allowed[start / 64];
    const int64_t end = std::min(vocab, start + 64);
    if (bits == 0) std::fill(row + start, row + end, -kInf);
    else
      for (int64_t i = start; i < end; i++) row[i] = bits >> (i - start) & 1 ? row[i] : -kInf;
  }
}

// logit_bias, then the penalties, on each touched id alone, so the maps' order does not matter.
void edit(const Scratch& s, int64_t vocab, const SamplerState& state) {
  float* row = s.row;
  const SamplingParams& p = state.params;
  const ops::Penalties penalties{p.repetition_penalty, p.presence_penalty, p.frequency_penalty};
  ops::for_each_edit(state, vocab, [&](const ops::Edit& edit) {
    row[edit.id] = ops::edited(row[edit.id], edit, penalties, PlainProduct{});
  });
  if (state.matcher) apply_mask(row, s.weights, vocab, state);
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

uint64_t sum(const uint64_t* w, int64_t n) {
  uint64_t total = 0;
  for (int64_t i = 0; i < n; i++) total += w[i];
  return total;
}

// Keeps the candidates of at least this weight.
int64_t keep_from(Scratch& s, int64_t n, uint64_t weight) {
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
int64_t keep_top_p(Scratch& s, int64_t n, float top_p) {
  const uint64_t total = sum(s.weights, n), target = ops::top_p_target(top_p, total);
  // What is left is usually small.
  n = keep_from(s, n, ops::negligible(top_p, total, n));
  uint64_t above = 0;
  uint32_t prefix = 0, mask = 0;
  int64_t in_border = n;
  for (int64_t j = 0; j < n; j++) s.border[j] = static_cast<int32_t>(j);
  for (const int shift : {20, 8, 0}) {
    const uint32_t level = shift == 0 ? 0xffu : 0xfffu;
    std::memset(s.histogram, 0, kBuckets * sizeof(uint64_t));
    for (int64_t b = 0; b < in_border; b++)
      s.histogram[(ops::sort_key(s.values[s.border[b]]) >> shift) & level] +=
          s.weights[s.border[b]];
    uint32_t bucket = level;
    while (bucket > 0 && above + s.histogram[bucket] < target) above += s.histogram[bucket--];
    prefix |= bucket << shift;
    mask |= level << shift;
    int64_t left = 0;
    for (int64_t b = 0; b < in_border; b++)
      if ((ops::sort_key(s.values[s.border[b]]) & mask) == prefix) s.border[left++] = s.border[b];
    in_border = left;
  }
  int64_t kept = 0;
  for (int64_t j = 0; j < n; j++) {
    const uint32_t key = ops::sort_key(s.values[j]);
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
  for (int64_t j = 0; j < count; j++)
    s.weights[j] = ops::weight(s.values[j], largest, p.temperature, PlainProduct{});
  if (p.top_p < 1) count = keep_top_p(s, count, p.top_p);
  if (p.min_p > 0) count = keep_from(s, count, ops::least_weight(p.min_p));
  uint64_t left = ops::drawn(random_number(p.seed, static_cast<uint64_t>(state.num_generated)),
                             sum(s.weights, count));
  int64_t j = 0;
  for (; j + 1 < count && left >= s.weights[j]; j++) left -= s.weights[j];
  return s.ids[j];
}

// log-softmax of the edited logits at the sampled id and at the best ones.
void add_logprobs(SampleResult& result, Scratch& s, const float* x, int64_t n, float largest) {
  for (int64_t i = 0; i < n; i++) s.weights[i] = ops::weight(x[i], largest, 1, PlainProduct{});
  const double log_sum = ops::log_sum(largest, sum(s.weights, n), PlainProduct{});
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
  if (sound && ops::has_edits(state)) {
    std::copy(x, x + n, s.row);
    edit(s, n, state);
    x = s.row;
    sound = kernels.block_maxima(&largest, s.maxima, x, n);
  }
  if (!sound || largest == -kInf) {
    result.status = sound ? ops::nothing_left(state) : SampleStatus::numerical_error;
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
            const std::vector<SamplerState*>& states, CpuStream& stream) {
  const int64_t num_rows = logits.shape[0], vocab = logits.shape[1];
  const int64_t stride = (Scratch::bytes(vocab) + 63) / 64 * 64;
  char* memory = static_cast<char*>(stream.scratch(0, stride * stream.pool.num_threads()));
  stream.pool.parallel_for(num_rows, [&](int64_t r, int thread) {
    const SamplerState* state = states[static_cast<size_t>(r)];
    if (state == nullptr) return;
    if (state->matcher) state->matcher->prepare(state->tokens_left());
    sample_row(results[static_cast<size_t>(r)], Scratch(memory + stride * thread, vocab),
               logits.f32() + r * vocab, vocab, *state, stream.kernels);
  });
}

}  // namespace conclave::cpu

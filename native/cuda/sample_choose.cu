// A thread block for each row that is sampled: the token, its logprob and the alternatives.
#include "cuda/device/row_search.h"
#include "cuda/launch.h"
#include "cuda/sample.h"

namespace conclave::cuda {

namespace {

// A row, the blocks' maxima as a row of their own, and what the thread block needs of both.
struct Candidates {
  const SampledRow& settings;
  SearchedRow all, maxima;
  int32_t* listed;
  float top;
  uint32_t top_key;
  SearchMemory& memory;

  __device__ __forceinline__ uint64_t weight(float x) const {
    return ops::weight(x, top, settings.temperature, ExactProduct{});
  }
  // Blocks whose maximum is as `wanted` says.
  template <class Wanted>
  __device__ __forceinline__ SearchedRow list(Wanted wanted) const {
    const float* of = maxima.x;
    const int count = list_blocks(
        listed, maxima.n, [&](int b) { return wanted(of[b]); }, memory);
    return {all.x, all.n, listed, count};
  }
};

__device__ __forceinline__ uint64_t is_finite(int, float x) {
  return ops::sort_key(x) >= ops::kLowestKey;
}

// The largest maximum; NaN where one is.
__device__ __forceinline__ float largest_of(const SearchedRow& maxima, SearchMemory& m) {
  uint32_t key = 0;
  bool sound = true;
  for (int b = static_cast<int>(threadIdx.x); b < maxima.n; b += kSearchThreads) {
    const float x = maxima.x[b];
    sound = sound && x == x;
    key = ops::sort_key(x) > key ? ops::sort_key(x) : key;
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    const uint32_t other = hw::shfl_xor(key, mask);
    key = other > key ? other : key;
  }
  const bool warp_sound = hw::ballot(!sound) == 0;
  if (threadIdx.x % 32 == 0) m.warps[threadIdx.x / 32] = warp_sound ? key : ~uint64_t{0};
  hw::sync_block();
  uint64_t all = 0;
  for (int w = 0; w < kSearchWarps; w++) all = m.warps[w] > all ? m.warps[w] : all;
  hw::sync_block();
  return all == ~uint64_t{0} ? NAN : ops::value_of(static_cast<uint32_t>(all));
}

// Values of rank `count` and better among all ids: their blocks in `row`, the lowest of them in
// `border`. A block's maximum is one value, so the rank among the maxima bounds it from below.
__device__ __forceinline__ Border cut_at(SearchedRow* row, int count, const Candidates& c) {
  uint32_t low;
  const uint64_t target = static_cast<uint64_t>(count);
  const bool bounded = measure_all(&low, c.maxima, is_finite, c.memory) >= target;
  if (bounded) low = find_border(c.maxima, is_finite, c.top_key, low, target, c.memory).key;
  *row = c.list([&](float top) { return ops::sort_key(top) >= low; });
  if (!bounded) measure_all(&low, *row, is_finite, c.memory);
  return find_border(*row, is_finite, c.top_key, low, target, c.memory);
}

__device__ __forceinline__ int draw(const Candidates& c, uint64_t* sums) {
  const SampledRow& s = c.settings;
  SearchMemory& m = c.memory;
  if (s.temperature == 0) {
    const auto is_top = [&](int, float x) { return static_cast<uint64_t>(x == c.top); };
    const SearchedRow row = c.list([&](float top) { return top == c.top; });
    sum_blocks(sums, row, is_top);
    return find_id(row, is_top, sums, 0, m);
  }
  SearchedRow row = c.all;
  // Kept: values above the border, and those on it up to an id.
  uint32_t border = ops::kLowestKey;
  int last = kNoId;
  if (s.is_cut()) border = cut_at(&row, s.top_k, c).key;
  if (s.top_p < 1) {
    const uint32_t cut = border;
    uint64_t least = 0, total = 0;
    uint32_t low;
    if (!s.is_cut()) {
      total = total_of(sums, row.num_blocks, m);
      least = ops::negligible(s.top_p, total, s.num_ids);
      row = c.list([&](float top) { return c.weight(top) + ops::kWeightSlack >= least; });
    }
    const auto weight = [&](int, float x) {
      const uint64_t w = ops::sort_key(x) >= cut ? c.weight(x) : 0;
      return w >= least ? w : 0;
    };
    const uint64_t left = measure_all(&low, row, weight, m);
    if (s.is_cut()) total = left;
    const uint64_t target = ops::top_p_target(s.top_p, total);
    const Border found = find_border(row, weight, c.top_key, low, target, m);
    border = found.key;
    // Values on the border weigh the same: so many of them are kept, and the last one by id.
    const uint64_t each = c.weight(ops::value_of(border));
    const uint64_t kept = each == 0 ? 0 : (target - found.above - 1) / each;
    const auto on_border = [&](int, float x) {
      return static_cast<uint64_t>(ops::sort_key(x) == border);
    };
    sum_blocks(sums, row, on_border);
    last = find_id(row, on_border, sums, kept, m);
  }
  const uint64_t least = s.min_p > 0 ? ops::least_weight(s.min_p) : 0;
  const auto kept = [&](int id, float x) {
    const uint32_t key = ops::sort_key(x);
    const uint64_t w = key > border || (key == border && id <= last) ? c.weight(x) : 0;
    return w >= least ? w : 0;
  };
  if (!s.is_cut() && s.top_p >= 1 && least > 0)
    row = c.list([&](float top) { return c.weight(top) + ops::kWeightSlack >= least; });
  if (s.is_cut() || s.top_p < 1 || least > 0) sum_blocks(sums, row, kept);
  const uint64_t total = total_of(sums, row.num_blocks, m);
  return find_id(row, kept, sums, ops::drawn(s.random, total), m);
}

// The row's best ids and their logprobs; `sums` is for whoever needs it.
__device__ __forceinline__ void list_best(int32_t* ids, float* logprobs, double log_sum,
                                          const Candidates& c, uint64_t* sums) {
  SearchMemory& m = c.memory;
  const int thread = static_cast<int>(threadIdx.x);
  const int wanted = min(c.settings.alternatives, c.settings.num_ids);
  SearchedRow row;
  const Border border = cut_at(&row, wanted, c);
  const auto on_border = [&](int, float x) {
    return static_cast<uint64_t>(ops::sort_key(x) == border.key);
  };
  sum_blocks(sums, row, on_border);
  const uint64_t kept = static_cast<uint64_t>(wanted) - border.above - 1;
  const int last = find_id(row, on_border, sums, kept, m);
  if (thread == 0) m.count = 0;
  hw::sync_block();
  // Each has a number of its own that rises from the best one down.
  for_each_value(row, [&](int, int id, float x) {
    const uint32_t key = ops::sort_key(x);
    if (key > border.key || (key == border.key && id <= last))
      m.bins[hw::add_shared(&m.count, 1)] = uint64_t{~key} << 32 | static_cast<uint32_t>(id);
  });
  hw::sync_block();
  for (int i = thread; i < m.count; i += kSearchThreads) {
    int rank = 0;
    for (int j = 0; j < m.count; j++) rank += m.bins[j] < m.bins[i];
    const int id = static_cast<int>(m.bins[i] & 0xffffffffu);
    ids[rank] = id;
    logprobs[rank] = static_cast<float>(c.all.x[id] - log_sum);
  }
  for (int i = m.count + thread; i < c.settings.alternatives; i += kSearchThreads) {
    ids[i] = -1;
    logprobs[i] = 0;
  }
}

__device__ __forceinline__ void give(const SampleProblem& p, const SampledToken& token) {
  if (threadIdx.x != 0) return;
  p.tokens[blockIdx.x] = token;
  if (p.chosen != nullptr) p.chosen[p.rows[blockIdx.x].row] = token.id;
}

// A row has one block: registers are worth more than a second block beside it.
__global__ void __launch_bounds__(kSearchThreads, 1) sample_choose_kernel(SampleProblem p) {
  SearchMemory& m = *hw::shared<SearchMemory>();
  const int64_t r = blockIdx.x, blocks_before = r * p.num_blocks;
  const SampledRow& s = p.rows[r];
  const float* x =
      s.edited_row >= 0 ? p.edited + s.edited_row * p.vocab : p.logits + s.row * p.vocab;
  const int num_blocks = (s.num_ids + kSampleBlock - 1) / kSampleBlock;
  const SearchedRow maxima{p.maxima + blocks_before, num_blocks, nullptr,
                           (num_blocks + kSampleBlock - 1) / kSampleBlock};
  const float top = largest_of(maxima, m);
  if (!(top > -INFINITY))
    return give(p, {top == top ? Outcome::nothing_left : Outcome::unsound, -1, 0.0f});
  const Candidates c{s,      {x, s.num_ids, nullptr, num_blocks},
                     maxima, p.listed + blocks_before,
                     top,    ops::sort_key(top),
                     m};
  uint64_t* sums = p.draw_sums + blocks_before;
  const int id = draw(c, sums);
  double log_sum = 0;
  if (s.alternatives >= 0)
    log_sum =
        ops::log_sum(top, total_of(p.log_sums + blocks_before, num_blocks, m), ExactProduct{});
  // Settings that no caller can ask for.
  if (id == kNoId) return give(p, {Outcome::unsound, -1, 0.0f});
  give(p, {Outcome::chosen, id, s.alternatives < 0 ? 0.0f : static_cast<float>(x[id] - log_sum)});
  if (s.alternatives > 0)
    list_best(p.top_ids + r * p.alternatives, p.top_logprobs + r * p.alternatives, log_sum, c,
              sums);
}

}  // namespace

void sample_choose(const SampleProblem& p, CudaStream& stream) {
  hw::launch("sample_choose", sample_choose_kernel, {static_cast<unsigned>(p.num_rows)},
             kSearchThreads, int64_t{sizeof(SearchMemory)}, stream.queue, p);
}

}  // namespace conclave::cuda

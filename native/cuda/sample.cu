#include "cuda/sample.h"

#include <algorithm>

#include "cuda/device/reduce.h"
#include "cuda/device/row_search.h"
#include "cuda/launch.h"
#include "ops/sample_edits.h"

namespace conclave::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
// Ids of a thread block: blocks of kSampleBlock, each a warp's.
constexpr int kChunkBlocks = 32, kChunk = kChunkBlocks * kSampleBlock;

// The part of a row that a thread block has.
struct Part {
  const SampledRow& row;
  int64_t sampled;  // which row
  int first, count;
};

__device__ __forceinline__ Part part_of(const SampleProblem& p) {
  const int64_t sampled = blockIdx.x / p.num_chunks;
  const SampledRow& row = p.rows[sampled];
  const int first = static_cast<int>(blockIdx.x % p.num_chunks) * kChunk;
  return {row, sampled, first, min(kChunk, row.num_ids - first)};
}

// The first edit of the row from id `id` on.
__device__ __forceinline__ int edits_before(const ops::Edit* edits, int count, int id) {
  int low = 0;
  while (low < count) {
    const int middle = (low + count) / 2;
    if (edits[middle].id < id) low = middle + 1;
    else count = middle;
  }
  return low;
}

// Edits of one id are one thread's, in their order.
__device__ __forceinline__ void apply_edits(float* x, const Part& part, const ops::Edit* edits) {
  const int count = part.row.num_edits;
  const int begin = edits_before(edits, count, part.first);
  const int end = edits_before(edits, count, part.first + part.count);
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kThreads) {
    if (i > begin && edits[i - 1].id == edits[i].id) continue;
    float& value = x[edits[i].id - part.first];
    for (int j = i; j < end && edits[j].id == edits[i].id; j++)
      value = ops::edited(value, edits[j], part.row.penalties, ExactProduct{});
  }
}

__global__ void __launch_bounds__(kThreads) sample_scan_kernel(SampleProblem p) {
  const Part part = part_of(p);
  if (part.count <= 0) return;
  const SampledRow& row = part.row;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const float* x = p.logits + row.row * p.vocab + part.first;
  const bool is_edited = row.edited_row >= 0;
  float* own = hw::shared<float>();
  if (is_edited) {
    for (int i = thread; i < part.count; i += kThreads) own[i] = x[i];
    hw::sync_block();
    apply_edits(own, part, p.edits + row.first_edit);
    hw::sync_block();
  }
  const int first_block = part.first / kSampleBlock;
  for (int b = thread / 32; b * kSampleBlock < part.count; b += kWarps) {
    const uint64_t allowed =
        row.first_word >= 0 ? p.words[row.first_word + first_block + b] : ~uint64_t{0};
    float top = -INFINITY;
    bool sound = true;
    for (int bit = lane; bit < kSampleBlock; bit += 32) {
      const int i = b * kSampleBlock + bit;
      if (i >= part.count) continue;
      float value = x[i];
      sound = sound && value < INFINITY;  // the model's, whatever the edits make of it
      if (is_edited) {
        value = allowed >> bit & 1 ? own[i] : -INFINITY;
        sound = sound && value < INFINITY;
        p.edited[row.edited_row * p.vocab + part.first + i] = value;
      }
      top = fmaxf(top, value);
    }
    top = warp_max(top);
    const bool all_sound = hw::ballot(!sound) == 0;
    if (lane == 0) p.maxima[part.sampled * p.num_blocks + first_block + b] = all_sound ? top : NAN;
  }
}

__global__ void __launch_bounds__(kThreads) sample_weigh_kernel(SampleProblem p) {
  const Part part = part_of(p);
  const SampledRow& row = part.row;
  const bool draws = row.draws_from_all(), logs = row.alternatives >= 0;
  if (part.count <= 0 || !(draws || logs)) return;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const float* maxima = p.maxima + part.sampled * p.num_blocks;
  float top = -INFINITY;
  for (int b = thread; b * kSampleBlock < row.num_ids; b += kThreads) top = fmaxf(top, maxima[b]);
  float* tops = hw::shared<float>();
  top = warp_max(top);
  if (lane == 0) tops[thread / 32] = top;
  hw::sync_block();
  for (int w = 0; w < kWarps; w++) top = fmaxf(top, tops[w]);
  const float* x =
      row.edited_row >= 0 ? p.edited + row.edited_row * p.vocab : p.logits + row.row * p.vocab;
  for (int b = thread / 32; b * kSampleBlock < part.count; b += kWarps) {
    uint64_t draw_sum = 0, log_sum = 0;
    for (int i = b * kSampleBlock + lane; i < min((b + 1) * kSampleBlock, part.count); i += 32) {
      const float value = x[part.first + i];
      if (draws) draw_sum += ops::weight(value, top, row.temperature, ExactProduct{});
      if (logs) log_sum += ops::weight(value, top, 1, ExactProduct{});
    }
    draw_sum = warp_total(draw_sum);
    log_sum = warp_total(log_sum);
    if (lane != 0) continue;
    const int64_t at = part.sampled * p.num_blocks + part.first / kSampleBlock + b;
    p.draw_sums[at] = draw_sum;
    p.log_sums[at] = log_sum;
  }
}

// What the host writes, in the order in which it lies on the card.
struct Request {
  std::vector<SampledRow> rows;
  std::vector<ops::Edit> edits;
  std::vector<uint64_t> words;
  std::vector<size_t> result_of;  // (rows)
  int64_t num_edited = 0;
  int alternatives = 0;  // the most that a row wants

  void add(size_t r, ops::SamplerState& state, int64_t vocab) {
    const ops::SamplingParams& s = state.params;
    SampledRow row{};
    row.random = random_number(s.seed, static_cast<uint64_t>(state.num_generated));
    row.row = static_cast<int64_t>(r);
    row.num_ids =
        static_cast<int32_t>(s.vocab_limit > 0 ? std::min<int64_t>(vocab, s.vocab_limit) : vocab);
    row.edited_row = row.first_word = -1;
    row.top_k = s.top_k;
    row.alternatives = s.logprobs;
    row.temperature = s.temperature;
    row.top_p = s.top_p;
    row.min_p = s.min_p;
    row.penalties = {s.repetition_penalty, s.presence_penalty, s.frequency_penalty};
    row.first_edit = static_cast<int64_t>(edits.size());
    if (ops::has_edits(state)) {
      row.edited_row = num_edited++;
      ops::append_edits(edits, state, row.num_ids);
      row.num_edits = static_cast<int32_t>(static_cast<int64_t>(edits.size()) - row.first_edit);
    }
    if (state.matcher) {
      state.matcher->prepare(state.tokens_left());
      row.first_word = static_cast<int64_t>(words.size());
      words.resize(words.size() + static_cast<size_t>((row.num_ids + 63) / 64));
      ops::fill_allowed(words.data() + row.first_word, state, row.num_ids);
    }
    alternatives = std::max(alternatives, s.logprobs);
    rows.push_back(row);
    result_of.push_back(r);
  }
};

// Arrays one after another, as cuda/scratch.h counts them.
static_assert(sizeof(SampledRow) == 80 && sizeof(ops::Edit) == 16 && sizeof(SampledToken) == 12);
template <class Byte = std::byte>
struct Places {
  Byte* next;
  template <class T>
  T* take(int64_t count) {
    Byte* place = next;
    next += scratch_align(count * static_cast<int64_t>(sizeof(T)));
    return reinterpret_cast<T*>(place);
  }
  // Into memory of the host.
  template <class T>
  void put(const std::vector<T>& list) {
    T* place = take<T>(static_cast<int64_t>(list.size()));
    std::copy(list.begin(), list.end(), place);
  }
};

// A result in host memory: what sample_choose has written.
void read_result(ops::SampleResult& result, const ops::SamplerState& state,
                 const SampledToken& token, const int32_t* top_ids, const float* top_logprobs) {
  if (token.outcome != Outcome::chosen) {
    result.status = token.outcome == Outcome::unsound ? ops::SampleStatus::numerical_error
                                                      : ops::nothing_left(state);
    return;
  }
  if (state.matcher && state.matcher->closing()) result.status = ops::SampleStatus::ok_closing;
  result.token_id = token.id;
  result.logprob = token.logprob;
  std::copy_n(top_ids, result.top_ids.size(), result.top_ids.begin());
  std::copy_n(top_logprobs, result.top_logprobs.size(), result.top_logprobs.begin());
}

}  // namespace

ops::AskedRows ask_sample(Tensor logits, const std::vector<ops::SamplerState*>& states,
                          int32_t* chosen, CudaStream& stream) {
  const int64_t vocab = logits.shape[1];
  Request request;
  for (size_t r = 0; r < states.size(); r++) {
    if (states[r] != nullptr) request.add(r, *states[r], vocab);
  }
  const auto num_rows = static_cast<int64_t>(request.rows.size());
  if (num_rows == 0) return {};
  const auto num_edits = static_cast<int64_t>(request.edits.size()),
             num_words = static_cast<int64_t>(request.words.size());
  const int64_t num_blocks = (vocab + kSampleBlock - 1) / kSampleBlock;
  const int64_t num_values = num_rows * num_blocks, num_top = num_rows * request.alternatives;
  const int64_t request_bytes = sample_request_bytes(num_rows, num_edits, num_words);
  const int64_t result_bytes = sample_results_bytes(num_rows, request.alternatives);
  const int64_t value_bytes = sample_values_bytes(num_rows, request.num_edited, vocab);

  // The answers come to lie where the request lay.
  void* pinned = stream.pinned(CudaStream::kSampled, std::max(request_bytes, result_bytes));
  Places<> host{static_cast<std::byte*>(pinned)};
  const std::byte* written = host.next;
  host.put(request.rows);
  host.put(request.edits);
  host.put(request.words);
  Places<> card{
      static_cast<std::byte*>(stream.scratch(0, request_bytes + result_bytes + value_bytes))};
  runtime::copy(card.next, written, request_bytes, stream.queue);

  SampleProblem p{};
  p.logits = logits.f32();
  p.vocab = vocab;
  p.num_rows = static_cast<int>(num_rows);
  p.num_chunks = static_cast<int>((vocab + kChunk - 1) / kChunk);
  p.num_blocks = static_cast<int>(num_blocks);
  p.alternatives = request.alternatives;
  p.rows = card.take<SampledRow>(num_rows);
  p.edits = card.take<ops::Edit>(num_edits);
  p.words = card.take<uint64_t>(num_words);
  const std::byte* result = card.next;
  p.chosen = chosen;
  p.tokens = card.take<SampledToken>(num_rows);
  p.top_ids = card.take<int32_t>(num_top);
  p.top_logprobs = card.take<float>(num_top);
  p.draw_sums = card.take<uint64_t>(num_values);
  p.log_sums = card.take<uint64_t>(num_values);
  p.maxima = card.take<float>(num_values);
  p.listed = card.take<int32_t>(num_values);
  p.edited = card.take<float>(request.num_edited * vocab);

  const hw::Grid grid{static_cast<unsigned>(num_rows * p.num_chunks)};
  hw::launch("sample_scan", sample_scan_kernel, grid, kThreads, kChunk * int64_t{sizeof(float)},
             stream.queue, p);
  if (std::any_of(request.rows.begin(), request.rows.end(), [](const SampledRow& row) {
        return row.draws_from_all() || row.alternatives >= 0;
      }))
    hw::launch("sample_weigh", sample_weigh_kernel, grid, kThreads, kWarps * int64_t{sizeof(float)},
               stream.queue, p);
  sample_choose(p, stream);

  runtime::copy(pinned, result, result_bytes, stream.queue);
  return {static_cast<std::byte*>(pinned), std::move(request.result_of), request.alternatives};
}

void take_sampled(std::vector<ops::SampleResult>& results,
                  const std::vector<ops::SamplerState*>& states, const ops::AskedRows& asked) {
  const auto num_rows = static_cast<int64_t>(asked.rows.size());
  Places<const std::byte> there{asked.answers};
  const auto* tokens = there.take<const SampledToken>(num_rows);
  const auto* top_ids = there.take<const int32_t>(num_rows * asked.alternatives);
  const auto* top_logprobs = there.take<const float>(num_rows * asked.alternatives);
  for (size_t i = 0; i < asked.rows.size(); i++) {
    const size_t r = asked.rows[i];
    const auto at = static_cast<int64_t>(i) * asked.alternatives;
    read_result(results[r], *states[r], tokens[i], top_ids + at, top_logprobs + at);
  }
}

}  // namespace conclave::cuda

// The way of a step: checked and asked of the device (begin), its rows sampled behind it, and what
// came of it (end).
#include <algorithm>

#include "executor/decode_step.h"
#include "executor/executor.h"

namespace conclave::executor {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void bad_step(const std::string& what) {
  throw Error("invalid_request", "step: " + what + ".");
}

void check_range(const char* what, const std::vector<int32_t>& ids, int64_t low, int64_t limit) {
  for (int32_t id : ids) {
    if (id < low || id >= limit)
      bad_step(std::string(what) + " " + std::to_string(id) + " is not in [" + std::to_string(low) +
               ", " + std::to_string(limit) + ")");
  }
}

// Marks of rows that were not sampled, whose sequences have ended, stand for any token.
void settle_marks(std::vector<int32_t>& token_ids, const std::vector<bool>& sampled) {
  for (int32_t& id : token_ids) {
    if (id >= 0) continue;
    const int64_t row = -1 - int64_t{id};
    if (row >= static_cast<int64_t>(sampled.size()))
      bad_step("token id " + std::to_string(id) + " is of a row that the step before did not have");
    if (!sampled[static_cast<size_t>(row)]) id = 0;
  }
}

}  // namespace

bool StepInput::reads_logits() const {
  return want_logits || std::any_of(samplers.begin(), samplers.end(),
                                    [](int32_t sampler) { return sampler != -1; });
}

void Executor::check_input(const StepInput& in, const Cache& cache) const {
  const int64_t tokens = static_cast<int64_t>(in.token_ids.size()),
                sequences = static_cast<int64_t>(in.kv_lengths.size());
  if (tokens < 1 || tokens > plan_.max_tokens)
    bad_step("expected 1 to " + std::to_string(plan_.max_tokens) + " tokens, but got " +
             std::to_string(tokens));
  if (in.positions.size() != in.token_ids.size())
    bad_step("positions and token ids differ in length");
  if (in.query_starts.size() != in.kv_lengths.size() + 1)
    bad_step("query_starts needs one entry more than kv_lengths");
  if (in.page_tables.size() != static_cast<size_t>(sequences * in.max_pages))
    bad_step("page_tables is not (num_sequences, max_pages)");
  if (in.samplers.size() != in.logit_rows.size())
    bad_step("samplers and logit_rows differ in length");
  if (in.query_starts.front() != 0 || in.query_starts.back() != tokens)
    bad_step("query_starts does not cover the tokens");
  if (in.logit_rows.size() > in.token_ids.size()) bad_step("there are more logit rows than tokens");
  check_range("logit row", in.logit_rows, 0, tokens);
  for (size_t s = 0; s < in.kv_lengths.size(); s++) {
    const int64_t begin = in.query_starts[s], end = in.query_starts[s + 1],
                  length = in.kv_lengths[s];
    if (begin >= end || end > tokens) bad_step("query_starts does not rise");
    const int64_t first = length - (end - begin);
    if (first < 0 || length > in.max_pages * options_.page_size)
      bad_step("kv_length " + std::to_string(length) + " does not fit the page table");
    for (int64_t t = begin; t < end; t++) {
      if (in.positions[static_cast<size_t>(t)] != first + t - begin)
        bad_step("positions of a sequence are not consecutive up to kv_length");
    }
    for (int64_t p = 0; p * options_.page_size < length; p++) {
      const int32_t page =
          in.page_tables[s * static_cast<size_t>(in.max_pages) + static_cast<size_t>(p)];
      if (page < 0 || page >= cache.num_pages)
        bad_step("page " + std::to_string(page) + " is not in the cache");
    }
  }
}

bool Executor::begins_ahead(const StepInput& input) const {
  const bool reads = input.want_logits || input.want_hidden ||
                     std::count(input.samplers.begin(), input.samplers.end(), -2) > 0;
  return device_->works_alone() && !reads &&
         static_cast<int64_t>(input.logit_rows.size()) <= plan_.max_rows;
}

StepOutput Executor::step(StepInput input) {
  begin(std::move(input));
  return end();
}

void Executor::begin(StepInput input) {
  const auto start = Clock::now();
  if (!begun_.empty()) ask_samples(begun_.front());
  const std::shared_ptr<Cache> cache = find_cache(input.cache);
  const std::vector<bool> sampled = std::move(cache->is_sampled);
  cache->is_sampled.clear();
  settle_marks(input.token_ids, sampled);
  check_input(input, *cache);
  check_range("token id", input.token_ids, -static_cast<int64_t>(sampled.size()),
              graph_.vocab_size);
  BegunStep step;
  step.start = start;
  step.cache = cache;
  step.input = std::move(input);
  // Memory that is given back must not be what the device works on.
  try {
    run_forward(step);
  } catch (...) {
    if (step.wide.bytes.size() > 0) device_->finish();
    throw;
  }
  begun_.push_back(std::move(step));
}

bool Executor::wait(const std::function<bool()>& interrupted) {
  BegunStep& step = begun_.front();
  ask_samples(step);
  try {
    return step.error || device_->reach_mark(interrupted);
  } catch (...) {
    step.error = std::current_exception();
    return true;
  }
}

StepOutput Executor::end() {
  BegunStep step = std::move(begun_.front());
  begun_.pop_front();
  ask_samples(step);
  try {
    if (step.error) std::rethrow_exception(step.error);
    device_->reach_mark([] { return false; });
    take_samples(step);
    read_routes(step);
  } catch (...) {
    // A step that counts on what this one sampled comes to nothing with it.
    if (!begun_.empty() && begun_.front().cache == step.cache)
      begun_.front().error = std::current_exception();
    throw;
  }
  StepOutput& output = step.output;
  const auto end = Clock::now(), start = std::max(step.start, last_end_);
  using Ms = std::chrono::duration<double, std::milli>;
  output.ms = Ms(end - start).count();
  output.idle_ms = Ms(start - last_end_).count();
  last_end_ = end;
  return std::move(output);
}

MasksAhead::States Executor::constrained(const StepInput& input) {
  MasksAhead::States states;
  const std::lock_guard lock(samplers_mutex_);
  for (const int32_t handle : input.samplers) {
    const auto found = samplers_.find(handle);
    if (found != samplers_.end() && found->second->matcher) states.push_back(found->second);
  }
  return states;
}

void Executor::run_forward(BegunStep& begun) {
  const StepInput& input = begun.input;
  // Logits of more rows than a decode step can have (a caller wants all of a prompt's): memory for
  // this step alone.
  const int64_t rows = static_cast<int64_t>(input.logit_rows.size());
  if (rows > plan_.max_rows) {
    begun.wide.plan = plan_memory(graph_, static_cast<int64_t>(input.token_ids.size()), rows);
    begun.wide.bytes = DeviceBytes(*device_, begun.wide.plan.bytes);
  }
  const bool is_wide = begun.wide.bytes.size() > 0;
  const MemoryPlan& plan = plan_of(begun);
  std::byte* arena = arena_of(begun);
  const bool padded = device_->records() && !is_wide && is_decode(input);
  const StepInput shaped =
      padded ? pad_decode(input, std::min(plan.max_rows, plan.max_tokens)) : StepInput{};
  const StepInput& step = padded ? shaped : input;
  provide(plan, arena, step, static_cast<int64_t>(input.token_ids.size()));
  std::vector<int64_t> key;
  if (padded) {
    key = {static_cast<int64_t>(step.token_ids.size()),
           step.max_pages,
           reinterpret_cast<int64_t>(arena),
           reinterpret_cast<int64_t>(batch_arrays_.data()),
           reinterpret_cast<int64_t>(begun.cache->sampled.data()),
           plan.max_tokens,
           plan.max_rows};  // which tell plans apart that had the same memory
    for (const KvRegion& region : begun.cache->regions)
      key.push_back(reinterpret_cast<int64_t>(region.data));
  }
  // A device that works alone leaves this thread free for masks, behind what it was asked for.
  MasksAhead::Turn masks =
      masks_ahead_.begin(device_->works_alone() ? MasksAhead::States{} : constrained(input));
  device_->run(key, [&] { run_nodes(begun.output, plan, arena, step, *begun.cache); });
}

const MemoryPlan& Executor::plan_of(const BegunStep& step) const {
  return step.wide.bytes.size() > 0 ? step.wide.plan : plan_;
}

std::byte* Executor::arena_of(const BegunStep& step) const {
  return step.wide.bytes.size() > 0 ? step.wide.bytes.data() : arena_.data();
}

void Executor::ask_samples(BegunStep& step) {
  if (step.is_asked || step.error) return;
  step.is_asked = true;
  try {
    if (!step.input.logit_rows.empty()) ask_rows(step);
    fetch_routes(step);
    device_->set_mark();
  } catch (...) {
    step.error = std::current_exception();
  }
}

void Executor::ask_rows(BegunStep& step) {
  const StepInput& input = step.input;
  const auto rows = static_cast<int64_t>(input.logit_rows.size());
  const int64_t width = graph_.vocab_size;
  const std::byte* stored =
      arena_of(step) + plan_of(step).offsets[static_cast<size_t>(graph_.logits)];
  // const_cast: the sampler's tensor is a view that is not written.
  auto* data = reinterpret_cast<float*>(const_cast<std::byte*>(stored));
  const auto ask = [&] {
    std::vector<ops::SamplerState*> states = find_samplers(step.samplers, input.samplers);
    std::vector<bool> is_sampled;
    for (const ops::SamplerState* state : states) is_sampled.push_back(state != nullptr);
    step.sampling.ask({data, DType::f32, {rows, width}}, std::move(states),
                      reinterpret_cast<int32_t*>(step.cache->sampled.data()), device_->stream());
    step.cache->is_sampled = std::move(is_sampled);
  };
  if (node_ns_.empty()) ask();
  else node_ns_[graph_.nodes.size()] += nanoseconds_of(ask);
  // Rows that somebody reads, those side by side at once.
  const auto is_read = [&](int64_t r) {
    return input.want_logits || input.samplers[static_cast<size_t>(r)] == -2;
  };
  std::vector<float>& logits = step.output.logits;
  for (int64_t r = 0, end; r < rows; r = end) {
    for (end = r; end < rows && is_read(end);) end++;
    const size_t before = logits.size(), count = static_cast<size_t>((end - r) * width);
    logits.resize(before + count);
    if (count > 0)
      device_->read(logits.data() + before, data + r * width,
                    static_cast<int64_t>(count * sizeof(float)));
    else end++;
  }
}

// Null: the row is not sampled. `held` keeps them.
std::vector<ops::SamplerState*> Executor::find_samplers(
    std::vector<std::shared_ptr<ops::SamplerState>>& held, const std::vector<int32_t>& handles) {
  held.assign(handles.size(), nullptr);
  std::vector<ops::SamplerState*> states(handles.size(), nullptr);
  const std::lock_guard lock(samplers_mutex_);
  for (size_t r = 0; r < handles.size(); r++) {
    const auto found = samplers_.find(handles[r]);
    if (found == samplers_.end()) continue;
    held[r] = found->second;
    states[r] = held[r].get();
  }
  return states;
}

void Executor::take_samples(BegunStep& step) {
  if (!step.input.logit_rows.empty()) write_samples(step.output, step.sampling.take());
}

void Executor::write_samples(StepOutput& output, const std::vector<ops::SampleResult>& results) {
  const size_t rows = results.size();
  output.token_ids.assign(rows, -1);
  output.status.assign(rows, 0);
  output.logprobs.assign(rows, 0);
  for (const ops::SampleResult& result : results)
    output.top_n = std::max(output.top_n, static_cast<int32_t>(result.top_ids.size()));
  const size_t top_n = static_cast<size_t>(output.top_n);
  output.top_ids.assign(rows * top_n, -1);
  output.top_logprobs.assign(rows * top_n, 0);
  for (size_t r = 0; r < rows; r++) {
    output.token_ids[r] = results[r].token_id;
    output.status[r] = static_cast<int32_t>(results[r].status);
    output.logprobs[r] = results[r].logprob;
    std::copy(results[r].top_ids.begin(), results[r].top_ids.end(),
              output.top_ids.begin() + static_cast<int64_t>(r * top_n));
    std::copy(results[r].top_logprobs.begin(), results[r].top_logprobs.end(),
              output.top_logprobs.begin() + static_cast<int64_t>(r * top_n));
  }
}

void Executor::fetch_routes(BegunStep& step) {
  if (step.cache->expert_counts.empty() || !(step.input.count_experts || step.input.want_routes))
    return;
  const int64_t bytes = static_cast<int64_t>(step.input.token_ids.size()) * most_experts_ * 4;
  step.routes =
      device_->fetch_rows(arena_of(step), bytes, plan_of(step).routes_pitch, num_routers_);
}

void Executor::read_routes(BegunStep& step) {
  if (step.routes == nullptr) return;
  const StepInput& input = step.input;
  const auto num_tokens = static_cast<int64_t>(input.token_ids.size());
  const auto* ids = reinterpret_cast<const int32_t*>(step.routes);
  std::atomic<int64_t>* counts = step.cache->expert_counts.data();
  for (const Node& node : graph_.nodes) {
    if (node.op != Op::moe_route) continue;
    const int64_t num_ids = num_tokens * graph_.values[static_cast<size_t>(node.outputs[0])].width;
    // Written by this thread alone.
    for (int64_t j = 0; input.count_experts && j < num_ids; j++) {
      std::atomic<int64_t>& count = counts[ids[j]];
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    counts += graph_.values[static_cast<size_t>(node.inputs[0])].width;
    if (input.want_routes) step.output.routes.insert(step.output.routes.end(), ids, ids + num_ids);
    ids += num_tokens * most_experts_;
  }
}

}  // namespace conclave::executor

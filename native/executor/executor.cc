#include "executor/executor.h"

#include <algorithm>

#include "cpu/host_device.h"
#include "cpu/kv_layout.h"
#include "cuda/card.h"
#include "executor/decode_step.h"

namespace conclave::executor {
namespace {

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

// What the step before sampled takes the place of its marks. A row without a finite logit has no
// token: its sequence has ended, and what this step gives it is looked at by nobody.
void fill_in(std::vector<int32_t>& token_ids, const std::vector<int32_t>& sampled) {
  for (int32_t& id : token_ids) {
    if (id >= 0) continue;
    const int64_t row = -1 - int64_t{id};
    if (row >= static_cast<int64_t>(sampled.size()))
      bad_step("token id " + std::to_string(id) + " is of a row that the step before did not have");
    id = std::max(0, sampled[static_cast<size_t>(row)]);
  }
}

std::unique_ptr<Device> make_device(const ExecutorOptions& options, cpu::CpuStream& stream) {
  if (options.device == DeviceKind::cuda)
    return std::make_unique<cuda::CudaCard>(options.deterministic);
  return std::make_unique<cpu::HostDevice>(stream);
}

}  // namespace

Executor::Executor(Graph graph, std::shared_ptr<const io::WeightStore> store,
                   const ExecutorOptions& options, const Progress& progress)
    : graph_(std::move(graph)),
      options_(options),
      pool_(options.num_threads > 0 ? options.num_threads : cpu::usable_cores()),
      host_stream_(pool_, cpu::select_kernels()),
      sample_stream_(lone_thread_, host_stream_.kernels),
      device_(make_device(options, host_stream_)),
      placed_(*device_,
              device_->reads_host_memory() ? 0 : placed_bytes(graph_, *store, options.weights)),
      store_(std::move(store)),
      weights_(bind_weights(
          graph_, *store_, options.weights, options.validate, pool_, progress,
          device_->reads_host_memory()
              ? Place{}
              : [&](BoundWeights& w, size_t id) { placed_.place(w, id); })),
      plan_(plan_memory(graph_, options.max_batch_tokens, options.max_sequences)),
      arena_(*device_, plan_.bytes),
      expert_tables_(graph_.nodes.size()) {
  std::shared_ptr<Cache> cache = make_cache(options_.num_pages);
  kv_bytes_ = cache->num_bytes;
  caches_.emplace(next_cache_++, std::move(cache));
  place_tables();
  num_uses_.assign(graph_.values.size(), 0);
  num_uses_[static_cast<size_t>(graph_.logits)]++;
  for (const Node& node : graph_.nodes) {
    for (const int32_t id : node.inputs) num_uses_[static_cast<size_t>(id)]++;
  }
}

void Executor::place_tables() {
  const bool on_host = device_->reads_host_memory();
  for (const std::vector<float>& table : graph_.tables) {
    const auto bytes = static_cast<int64_t>(table.size() * sizeof(float));
    tables_.push_back(on_host ? table.data()
                              : reinterpret_cast<float*>(placed_.put(table.data(), bytes)));
  }
  for (size_t n = 0; n < graph_.nodes.size(); n++) {
    const Node& node = graph_.nodes[n];
    if (node.op != Op::moe_experts) continue;
    auto part = [&](int64_t which) {
      std::vector<Weight> matrices;
      for (int64_t e = 0; e < node.num_experts; e++) {
        matrices.push_back(weights_.matrices[static_cast<size_t>(
            node.weights[static_cast<size_t>(which * node.num_experts + e)])]);
      }
      return matrices;
    };
    expert_tables_[n].gate = part(0);
    expert_tables_[n].up = part(1);
    expert_tables_[n].down = part(2);
    if (!on_host) placed_.place(expert_tables_[n]);
  }
}

const char* Executor::kernels() const {
  return device_->reads_host_memory() ? host_stream_.kernels.name : device_->name();
}

std::shared_ptr<Cache> Executor::make_cache(int64_t num_pages) {
  auto cache = std::make_shared<Cache>();
  cache->num_pages = num_pages;
  for (const RegionInfo& info : graph_.regions) {
    KvRegion region{nullptr,           options_.kv_dtype, num_pages, options_.page_size,
                    info.num_kv_heads, info.head_dim};
    cache->bytes.emplace_back(*device_, cpu::bytes_per_page(region) * num_pages);
    region.data = cache->bytes.back().data();
    cache->num_bytes += cache->bytes.back().size();
    cache->regions.push_back(region);
  }
  size_t num_counts = 0;
  for (const Node& node : graph_.nodes) {
    if (node.op == Op::moe_route)
      num_counts += static_cast<size_t>(graph_.values[static_cast<size_t>(node.inputs[0])].width);
  }
  cache->expert_counts = std::vector<std::atomic<int64_t>>(num_counts);
  return cache;
}

std::shared_ptr<Cache> Executor::find_cache(int32_t handle) {
  const std::lock_guard lock(caches_mutex_);
  const auto found = caches_.find(handle);
  if (found == caches_.end()) bad_step("cache " + std::to_string(handle) + " is not open");
  return found->second;
}

int32_t Executor::open_cache(int64_t num_pages, int64_t max_batch_tokens, int64_t max_sequences) {
  std::shared_ptr<Cache> cache = make_cache(num_pages);
  if (max_batch_tokens > plan_.max_tokens || max_sequences > plan_.max_rows) {
    MemoryPlan plan = plan_memory(graph_, std::max(max_batch_tokens, plan_.max_tokens),
                                  std::max(max_sequences, plan_.max_rows));
    arena_ = DeviceBytes(*device_, plan.bytes);
    plan_ = std::move(plan);
  }
  const std::lock_guard lock(caches_mutex_);
  const int32_t handle = next_cache_++;
  caches_.emplace(handle, std::move(cache));
  return handle;
}

std::vector<int64_t> Executor::profile(bool on) {
  std::vector<int64_t> counted(on ? graph_.nodes.size() + 2 : 0);
  counted.swap(node_ns_);
  return counted;
}

void Executor::close_cache(int32_t handle) {
  const std::lock_guard lock(caches_mutex_);
  if (handle != 0) caches_.erase(handle);
}

std::vector<int64_t> Executor::expert_counts(int32_t handle) {
  const std::shared_ptr<Cache> cache = find_cache(handle);
  std::vector<int64_t> counts;
  for (const auto& count : cache->expert_counts)
    counts.push_back(count.load(std::memory_order_relaxed));
  return counts;
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
  check_range("token id", in.token_ids, 0, graph_.vocab_size);
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

StepOutput Executor::step(StepInput input) {
  const auto start = std::chrono::steady_clock::now();
  const std::shared_ptr<Cache> cache = find_cache(input.cache);
  const std::vector<int32_t> sampled = std::move(cache->sampled);
  cache->sampled.clear();
  fill_in(input.token_ids, sampled);
  check_input(input, *cache);
  StepOutput output = run_checked(input, *cache);
  cache->sampled = output.token_ids;
  const auto end = std::chrono::steady_clock::now();
  using Ms = std::chrono::duration<double, std::milli>;
  output.ms = Ms(end - start).count();
  output.idle_ms = Ms(start - last_end_).count();
  last_end_ = end;
  return output;
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

bool StepInput::reads_logits() const {
  return want_logits || std::any_of(samplers.begin(), samplers.end(),
                                    [](int32_t sampler) { return sampler != -1; });
}

StepOutput Executor::run_checked(const StepInput& input, Cache& cache) {
  // Logits of more rows than a decode step can have (a caller wants all of a prompt's): memory for
  // this step alone.
  const int64_t rows = static_cast<int64_t>(input.logit_rows.size());
  Arena wide;
  if (rows > plan_.max_rows) {
    wide.plan = plan_memory(graph_, static_cast<int64_t>(input.token_ids.size()), rows);
    wide.bytes = DeviceBytes(*device_, wide.plan.bytes);
  }
  const bool is_wide = wide.bytes.size() > 0;
  const MemoryPlan& plan = is_wide ? wide.plan : plan_;
  std::byte* arena = is_wide ? wide.bytes.data() : arena_.data();
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
           plan.max_tokens,
           plan.max_rows};  // which tell plans apart that had the same memory
    for (const KvRegion& region : cache.regions)
      key.push_back(reinterpret_cast<int64_t>(region.data));
  }
  StepOutput output;
  MasksAhead::Turn masks = masks_ahead_.begin(constrained(input));
  device_->run(key, [&] { run_nodes(output, plan, arena, step, cache); });
  masks.end();
  if (rows > 0) read_logits(output, plan, arena, input);
  read_routes(output, plan, arena, input, cache);
  return output;
}

void Executor::read_routes(StepOutput& output, const MemoryPlan& plan, const std::byte* arena,
                           const StepInput& input, Cache& cache) {
  if (cache.expert_counts.empty() || !(input.count_experts || input.want_routes)) return;
  std::vector<const Node*> routers;
  int64_t most = 0;  // experts of a token
  for (const Node& node : graph_.nodes) {
    if (node.op != Op::moe_route) continue;
    routers.push_back(&node);
    most = std::max(most, graph_.values[static_cast<size_t>(node.outputs[0])].width);
  }
  const auto num_tokens = static_cast<int64_t>(input.token_ids.size());
  std::vector<int32_t> all(routers.size() * static_cast<size_t>(num_tokens * most));
  device_->read_rows(all.data(), arena, num_tokens * most * 4, plan.routes_pitch,
                     static_cast<int64_t>(routers.size()));
  std::atomic<int64_t>* counts = cache.expert_counts.data();
  for (size_t i = 0; i < routers.size(); i++) {
    const int32_t* ids = all.data() + static_cast<int64_t>(i) * num_tokens * most;
    const int64_t num_ids =
        num_tokens * graph_.values[static_cast<size_t>(routers[i]->outputs[0])].width;
    // Written by this thread alone.
    for (int64_t j = 0; input.count_experts && j < num_ids; j++) {
      std::atomic<int64_t>& count = counts[ids[j]];
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    counts += graph_.values[static_cast<size_t>(routers[i]->inputs[0])].width;
    if (input.want_routes) output.routes.insert(output.routes.end(), ids, ids + num_ids);
  }
}

void Executor::read_logits(StepOutput& output, const MemoryPlan& plan, const std::byte* arena,
                           const StepInput& input) {
  const auto rows = static_cast<int64_t>(input.logit_rows.size());
  const int64_t width = graph_.vocab_size;
  const std::byte* stored = arena + plan.offsets[static_cast<size_t>(graph_.logits)];
  // const_cast: the sampler's tensor is a view that is not written.
  auto* data = reinterpret_cast<float*>(const_cast<std::byte*>(stored));
  const auto sample = [&] {
    sample_rows(output, {data, DType::f32, {rows, width}}, input.samplers, device_->stream());
  };
  if (node_ns_.empty()) sample();
  else node_ns_[graph_.nodes.size()] += nanoseconds_of(sample);
  // Rows that somebody reads, those side by side at once.
  const auto is_read = [&](int64_t r) {
    return input.want_logits || input.samplers[static_cast<size_t>(r)] == -2;
  };
  for (int64_t r = 0, end; r < rows; r = end) {
    for (end = r; end < rows && is_read(end);) end++;
    const size_t before = output.logits.size(), count = static_cast<size_t>((end - r) * width);
    output.logits.resize(before + count);
    if (count > 0)
      device_->read(output.logits.data() + before, data + r * width,
                    static_cast<int64_t>(count * sizeof(float)));
    else end++;
  }
}

StepOutput Executor::sample(int32_t sampler, float* logits, int64_t vocab_size) {
  if (vocab_size != graph_.vocab_size)
    throw Error("invalid_request", "Expected a row of " + std::to_string(graph_.vocab_size) +
                                       " logits to sample, but got " + std::to_string(vocab_size) +
                                       ". Edit the array in place and keep it.");
  StepOutput output;
  sample_rows(output, {logits, DType::f32, {1, vocab_size}}, {sampler}, sample_stream_);
  return output;
}

void Executor::sample_rows(StepOutput& output, const Tensor& logits,
                           const std::vector<int32_t>& samplers, Stream& stream) {
  const size_t rows = samplers.size();
  output.token_ids.assign(rows, -1);
  output.status.assign(rows, 0);
  output.logprobs.assign(rows, 0);
  std::vector<std::shared_ptr<ops::SamplerState>> held(rows);
  std::vector<ops::SamplerState*> states(rows, nullptr);  // null: the row is not sampled
  {
    const std::lock_guard lock(samplers_mutex_);
    for (size_t r = 0; r < rows; r++) {
      const auto found = samplers_.find(samplers[r]);
      if (found == samplers_.end()) continue;
      held[r] = found->second;
      states[r] = held[r].get();
      output.top_n = std::max(output.top_n, states[r]->params.logprobs);
    }
  }
  std::vector<ops::SampleResult> results(rows);
  ops::sample(results, logits, states, stream);
  const size_t top_n = static_cast<size_t>(output.top_n);
  output.top_ids.assign(rows * top_n, -1);
  output.top_logprobs.assign(rows * top_n, 0);
  for (size_t r = 0; r < rows; r++) {
    if (states[r] == nullptr) continue;
    output.token_ids[r] = results[r].token_id;
    output.status[r] = static_cast<int32_t>(results[r].status);
    output.logprobs[r] = results[r].logprob;
    std::copy(results[r].top_ids.begin(), results[r].top_ids.end(),
              output.top_ids.begin() + static_cast<int64_t>(r * top_n));
    std::copy(results[r].top_logprobs.begin(), results[r].top_logprobs.end(),
              output.top_logprobs.begin() + static_cast<int64_t>(r * top_n));
  }
}

int32_t Executor::open_sampler(ops::SamplerState state) {
  const std::lock_guard lock(samplers_mutex_);
  const int32_t handle = next_sampler_++;
  samplers_.emplace(handle, std::make_shared<ops::SamplerState>(std::move(state)));
  return handle;
}

void Executor::close_sampler(int32_t handle) {
  const std::lock_guard lock(samplers_mutex_);
  samplers_.erase(handle);
}

}  // namespace conclave::executor

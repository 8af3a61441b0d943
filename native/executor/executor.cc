#include "executor/executor.h"

#include <algorithm>

#include "cpu/host_device.h"
#include "cpu/kv_layout.h"
#include "cuda/card.h"

namespace conclave::executor {
namespace {

[[noreturn]] void bad_step(const std::string& what) {
  throw Error("invalid_request", "step: " + what + ".");
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
  std::shared_ptr<Cache> cache = make_cache(options_.num_pages, plan_.max_tokens);
  kv_bytes_ = cache->num_bytes;
  caches_.emplace(next_cache_++, std::move(cache));
  place_tables();
  num_uses_.assign(graph_.values.size(), 0);
  num_uses_[static_cast<size_t>(graph_.logits)]++;
  for (const Node& node : graph_.nodes) {
    for (const int32_t id : node.inputs) num_uses_[static_cast<size_t>(id)]++;
    if (node.op != Op::moe_route) continue;
    num_routers_++;
    most_experts_ =
        std::max(most_experts_, graph_.values[static_cast<size_t>(node.outputs[0])].width);
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

std::shared_ptr<Cache> Executor::make_cache(int64_t num_pages, int64_t max_tokens) {
  auto cache = std::make_shared<Cache>();
  cache->num_pages = num_pages;
  cache->sampled = DeviceBytes(*device_, max_tokens * int64_t{sizeof(int32_t)});
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

std::vector<std::shared_ptr<Cache>> Executor::all_caches() {
  std::vector<std::shared_ptr<Cache>> all;
  const std::lock_guard lock(caches_mutex_);
  for (const auto& [handle, cache] : caches_) all.push_back(cache);
  return all;
}

int32_t Executor::open_cache(int64_t num_pages, int64_t max_batch_tokens, int64_t max_sequences) {
  const int64_t max_tokens = std::max(max_batch_tokens, plan_.max_tokens);
  std::shared_ptr<Cache> cache = make_cache(num_pages, max_tokens);
  if (max_tokens > plan_.max_tokens || max_sequences > plan_.max_rows) {
    for (const auto& other : all_caches()) grow_sampled(*other, max_tokens);
    MemoryPlan plan = plan_memory(graph_, max_tokens, std::max(max_sequences, plan_.max_rows));
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

// The next step may still read what the last one sampled.
void Executor::grow_sampled(Cache& cache, int64_t max_tokens) {
  std::vector<std::byte> kept(static_cast<size_t>(cache.sampled.size()));
  DeviceBytes grown(*device_, max_tokens * int64_t{sizeof(int32_t)});
  device_->read(kept.data(), cache.sampled.data(), cache.sampled.size());
  device_->write(grown.data(), kept.data(), cache.sampled.size());
  cache.sampled = std::move(grown);
}

StepOutput Executor::sample(int32_t sampler, float* logits, int64_t vocab_size) {
  if (vocab_size != graph_.vocab_size)
    throw Error("invalid_request", "Expected a row of " + std::to_string(graph_.vocab_size) +
                                       " logits to sample, but got " + std::to_string(vocab_size) +
                                       ". Edit the array in place and keep it.");
  StepOutput output;
  std::vector<std::shared_ptr<ops::SamplerState>> held;
  std::vector<ops::SampleResult> results;
  ops::sample(results, {logits, DType::f32, {1, vocab_size}}, find_samplers(held, {sampler}),
              sample_stream_);
  write_samples(output, results);
  return output;
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

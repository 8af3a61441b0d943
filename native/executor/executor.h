#pragma once
// A graph bound to weights, with its memory and its KV pages: the recorded model made to run, one
// call a step. The object is used by one thread at a time, except open_sampler, close_sampler and
// expert_counts, which any thread may call.
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/kv_cache.h"
#include "core/device.h"
#include "cpu/stream.h"
#include "executor/bind.h"
#include "executor/graph.h"
#include "executor/masks_ahead.h"
#include "executor/placed.h"
#include "executor/plan.h"
#include "ops/moe_experts.h"
#include "ops/sample.h"

namespace conclave::executor {

struct ExecutorOptions {
  DeviceKind device = DeviceKind::cpu;
  WeightPolicy weights = WeightPolicy::as_stored;
  DType kv_dtype = DType::f32;  // f32 | bf16 | i8
  int num_threads = 0;          // the calling thread included; 0: all usable cores
  int64_t page_size = 32, num_pages = 1;
  int64_t max_batch_tokens = 512, max_sequences = 64;
  bool validate = false;
  // Batch-invariant kernels alone; else a card takes the fastest for the number of tokens.
  bool deterministic = true;
  // Another thread sets it to end the step in progress between two nodes: that step throws
  // `aborted`. Outlives the executor.
  const std::atomic<bool>* stop = nullptr;
};

// One step; the fields are those of StepBatch in lib/native.ts. A token id of −1 − r stands for the
// one that row r of the step before, on the same cache, sampled. A sampler of −2: the row's logits
// come back, and nothing is sampled.
struct StepInput {
  std::vector<int32_t> token_ids, positions, query_starts, kv_lengths, page_tables, logit_rows,
      samplers;
  int32_t max_pages = 0, cache = 0;
  bool want_logits = false, want_routes = false, want_hidden = false, count_experts = true;
  // False where nobody looks at the rows' logits: they may not even have been computed.
  bool reads_logits() const;
};

struct StepOutput {
  std::vector<int32_t> token_ids, status, top_ids;
  std::vector<int32_t>
      routes;  // each moe_route's (num_tokens, num_experts_per_tok), in the graph's order
  std::vector<float> logprobs, top_logprobs, logits;
  std::vector<float> hidden;  // (rows, hidden_size) what the head reads
  int32_t top_n = 0;
  double ms = 0, idle_ms = 0;  // idle: since the end of the step before
};

// KV pages of one owner, and how often its tokens chose each expert.
struct Cache {
  std::vector<KvRegion> regions;
  std::vector<DeviceBytes> bytes;
  int64_t num_pages = 0, num_bytes = 0;
  // Each moe_route's (num_experts), in the graph's order; written by steps, read by any thread.
  std::vector<std::atomic<int64_t>> expert_counts;
  // What the last step sampled: (max_batch_tokens) i32 in the device's memory, by row, and which
  // rows it was; none where it failed.
  DeviceBytes sampled;
  std::vector<bool> is_sampled;
};

template <class Fn>
int64_t nanoseconds_of(Fn&& fn) {
  const auto start = std::chrono::steady_clock::now();
  fn();
  using Nanoseconds = std::chrono::nanoseconds;
  return std::chrono::duration_cast<Nanoseconds>(std::chrono::steady_clock::now() - start).count();
}

// The values of one step, where its plan has them.
struct StepValues {
  const Graph& graph;
  const MemoryPlan& plan;
  std::byte* arena;
  int64_t num_tokens, num_rows;
  Tensor operator()(int32_t id) const;
};

class Executor {
 public:
  // Binds every weight and takes all memory; throws insufficient_memory, invalid_file, aborted
  // (from the progress callback).
  Executor(Graph graph, std::shared_ptr<const io::WeightStore> store,
           const ExecutorOptions& options, const Progress& progress);

  StepOutput step(StepInput input);

  // step in two calls: `begin` asks the device for it; `end` waits for the first one begun and not
  // ended, and gives what came of it or throws. Before that one more may be begun where
  // `begins_ahead`: it runs right behind the first, whose tokens it reads where they are sampled.
  // Other calls that say so want all to be ended.
  void begin(StepInput input);
  StepOutput end();
  // A device that works alone, and a step of which nothing but tokens and routes is read.
  bool begins_ahead(const StepInput& input) const;
  // True once `end` has nothing left to wait for; false where `interrupted`, asked again and again,
  // said so before.
  bool wait(const std::function<bool()>& interrupted);

  // More pages beside those of cache 0, which lives as long as the executor. Steps then take up to
  // max_batch_tokens tokens and max_sequences rows, whichever cache they use. Returns its handle.
  // No step is begun and not ended.
  int32_t open_cache(int64_t num_pages, int64_t max_batch_tokens, int64_t max_sequences);
  // Cache 0 and unknown handles are left alone.
  void close_cache(int32_t handle);
  // What profiling counted since the last call: nanoseconds of each node, then of sampling, then
  // the steps; empty where it was off. Counts from here on where `on`. No step is begun and not
  // ended.
  std::vector<int64_t> profile(bool on);
  // Tokens that chose each expert, since the cache was opened. Any thread.
  std::vector<int64_t> expert_counts(int32_t cache);

  // Samples one row, (vocab_size), outside of any step, on the calling thread alone. One caller at
  // a time.
  StepOutput sample(int32_t sampler, float* logits, int64_t vocab_size);
  int32_t open_sampler(ops::SamplerState state);
  void close_sampler(int32_t handle);

  int64_t weight_bytes() const { return weights_.resident_bytes; }
  int64_t kv_bytes() const { return kv_bytes_; }  // of cache 0
  int64_t workspace_bytes() const { return plan_.bytes; }
  int num_threads() const { return pool_.num_threads(); }
  const char* kernels() const;
  const char* device_name() const { return device_->name(); }
  // As Device::failure. Any thread.
  std::string failure() const { return device_->failure(); }

 private:
  struct Arena {
    MemoryPlan plan;
    DeviceBytes bytes;
  };

  // On its way from `begin` to `end`.
  struct BegunStep {
    StepInput input;
    std::shared_ptr<Cache> cache;
    std::chrono::steady_clock::time_point start;
    Arena wide;             // of this step alone, where the plan's is too small
    bool is_asked = false;  // for its tokens: the states count those of the step before by then
    std::vector<std::shared_ptr<ops::SamplerState>> samplers;
    ops::Sampling sampling;
    const std::byte* routes = nullptr;  // (moe_routes, num_tokens, most_experts_) i32
    StepOutput output;
    std::exception_ptr error;
  };

  std::shared_ptr<Cache> make_cache(int64_t num_pages, int64_t max_tokens);
  void grow_sampled(Cache& cache, int64_t max_tokens);
  void place_tables();
  std::shared_ptr<Cache> find_cache(int32_t handle);
  std::vector<std::shared_ptr<Cache>> all_caches();
  void check_input(const StepInput& input, const Cache& cache) const;
  void run_forward(BegunStep& step);
  const MemoryPlan& plan_of(const BegunStep& step) const;
  std::byte* arena_of(const BegunStep& step) const;
  // Asks for all that is read of a step, once; an error stays with the step.
  void ask_samples(BegunStep& step);
  void ask_rows(BegunStep& step);
  void fetch_routes(BegunStep& step);
  void take_samples(BegunStep& step);
  void read_routes(BegunStep& step);
  // The step's arrays into the device's memory; `num_live` tokens are not padding.
  void provide(const MemoryPlan& plan, std::byte* arena, const StepInput& input, int64_t num_live);
  void run_nodes(StepOutput& output, const MemoryPlan& plan, std::byte* arena,
                 const StepInput& input, Cache& cache);
  void run_node(const Node& node, const StepValues& value, const BatchView& batch,
                const Cache& cache);
  // The n-th node and those behind it at once: how many that were; 0, and nothing done, where they
  // are not one. On the CPU products of the same rows, on a card what there is a kernel for.
  size_t run_products(size_t n, const StepValues& value);
  size_t run_fused(size_t n, const StepValues& value, const BatchView& batch, const Cache& cache);
  bool run_add_norm(const Node& add, const Node& norm, const StepValues& value);
  size_t run_heads(size_t n, const StepValues& value, const BatchView& batch, const Cache& cache);
  Tensor table_of(const Node& rope) const;
  // Samplers of the step that follow a grammar.
  MasksAhead::States constrained(const StepInput& input);
  std::vector<ops::SamplerState*> find_samplers(
      std::vector<std::shared_ptr<ops::SamplerState>>& held, const std::vector<int32_t>& handles);
  static void write_samples(StepOutput& output, const std::vector<ops::SampleResult>& results);

  Graph graph_;
  ExecutorOptions options_;
  cpu::ThreadPool pool_;
  cpu::CpuStream host_stream_;  // on the CPU it runs the graph
  cpu::ThreadPool lone_thread_{1};
  cpu::CpuStream sample_stream_;  // of `sample`
  std::unique_ptr<Device> device_;
  Placed placed_;
  std::shared_ptr<const io::WeightStore> store_;  // keeps the mappings that weights_ points into
  BoundWeights weights_;
  MemoryPlan plan_;
  DeviceBytes arena_, batch_arrays_;
  std::vector<const float*> tables_;            // the graph's, where ops read them
  std::vector<int> num_uses_;                   // of each value, as an input or as the logits
  int64_t num_routers_ = 0, most_experts_ = 0;  // moe_route nodes; experts of a token
  std::deque<BegunStep> begun_;
  std::chrono::steady_clock::time_point last_end_{};
  std::vector<int64_t> node_ns_;                 // see profile()
  std::vector<ops::ExpertTable> expert_tables_;  // (nodes) filled for moe_experts

  int64_t kv_bytes_ = 0;
  std::mutex caches_mutex_;
  std::unordered_map<int32_t, std::shared_ptr<Cache>> caches_;
  int32_t next_cache_ = 0;

  std::mutex samplers_mutex_;
  std::unordered_map<int32_t, std::shared_ptr<ops::SamplerState>> samplers_;
  int32_t next_sampler_ = 0;
  MasksAhead masks_ahead_;
};

}  // namespace conclave::executor

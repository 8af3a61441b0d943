#pragma once
// A graph bound to weights, with its memory and its KV pages: the recorded model made to run, one call a step.
// The object is used by one thread at a time, except open_sampler and close_sampler, which any thread may call.
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/kv_cache.h"
#include "cpu/stream.h"
#include "executor/bind.h"
#include "executor/graph.h"
#include "executor/plan.h"
#include "ops/moe_experts.h"
#include "ops/sample.h"

namespace conclave::executor {

struct ExecutorOptions {
  WeightPolicy weights = WeightPolicy::as_stored;
  DType kv_dtype = DType::f32;  // f32 | bf16
  int num_threads = 0;          // the calling thread included; 0: all usable cores
  int64_t page_size = 32, num_pages = 1;
  int64_t max_batch_tokens = 512, max_sequences = 64;
  bool validate = false;
};

// One step; the fields are those of StepBatch in lib/native.ts.
struct StepInput {
  std::vector<int32_t> token_ids, positions, query_starts, kv_lengths, page_tables, logit_rows, samplers;
  int32_t max_pages = 0;
  bool want_logits = false, want_routes = false;
};

struct StepOutput {
  std::vector<int32_t> token_ids, status, top_ids;
  std::vector<int32_t> routes;  // each moe_route's (num_tokens, num_experts_per_tok), in the graph's order
  std::vector<float> logprobs, top_logprobs, logits;
  int32_t top_n = 0;
  double ms = 0;
};

class Executor {
 public:
  // Binds every weight and takes all memory; throws insufficient_memory, invalid_file, aborted (from the progress callback).
  Executor(Graph graph, std::shared_ptr<const io::WeightStore> store, const ExecutorOptions& options, const Progress& progress);

  StepOutput step(const StepInput& input);

  int32_t open_sampler(ops::SamplerState state);
  void close_sampler(int32_t handle);

  int64_t weight_bytes() const { return weights_.resident_bytes; }
  int64_t kv_bytes() const { return kv_bytes_; }
  int64_t workspace_bytes() const { return plan_.bytes; }
  int num_threads() const { return pool_.num_threads(); }
  const char* kernels() const;

 private:
  struct Arena {
    MemoryPlan plan;
    AlignedBytes bytes;
  };

  void check_input(const StepInput& input) const;
  void run_nodes(StepOutput& output, const MemoryPlan& plan, std::byte* arena, const StepInput& input);
  void run_node(const Node& node, const MemoryPlan& plan, std::byte* arena, const BatchView& batch, int64_t num_rows);
  void sample_rows(const Tensor& logits, const StepInput& input, StepOutput& output);

  Graph graph_;
  ExecutorOptions options_;
  cpu::ThreadPool pool_;
  cpu::CpuStream stream_;
  std::shared_ptr<const io::WeightStore> store_;  // keeps the mappings that weights_ points into
  BoundWeights weights_;
  MemoryPlan plan_;
  AlignedBytes arena_;
  std::vector<ops::ExpertTable> expert_tables_;  // (nodes) filled for moe_experts
  std::vector<KvRegion> regions_;
  std::vector<AlignedBytes> region_bytes_;
  int64_t kv_bytes_ = 0;

  std::mutex samplers_mutex_;
  std::unordered_map<int32_t, std::shared_ptr<ops::SamplerState>> samplers_;
  int32_t next_sampler_ = 0;
};

}  // namespace conclave::executor

// One node of the graph → one op.
#include <algorithm>

#include "executor/executor.h"
#include "ops/add.h"
#include "ops/attention.h"
#include "ops/embed.h"
#include "ops/gather_rows.h"
#include "ops/matmul.h"
#include "ops/moe_experts.h"
#include "ops/moe_route.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/silu_mul.h"
#include "ops/store_kv.h"

namespace conclave::executor {

void Executor::run_nodes(StepOutput& output, const MemoryPlan& plan, std::byte* arena,
                         const StepInput& input, Cache& cache) {
  const BatchView batch{static_cast<int32_t>(input.token_ids.size()),
                        static_cast<int32_t>(input.kv_lengths.size()),
                        input.max_pages,
                        input.token_ids.data(),
                        input.positions.data(),
                        input.query_starts.data(),
                        input.kv_lengths.data(),
                        input.page_tables.data()};
  auto provide = [&](int32_t id, const std::vector<int32_t>& ids) {
    std::memcpy(arena + plan.offsets[static_cast<size_t>(id)], ids.data(),
                ids.size() * sizeof(int32_t));
  };
  provide(kTokenIds, input.token_ids);
  provide(kPositions, input.positions);
  provide(kLogitRows, input.logit_rows);
  const int64_t num_rows = static_cast<int64_t>(input.logit_rows.size());
  std::atomic<int64_t>* counts = cache.expert_counts.data();
  for (const Node& node : graph_.nodes) {
    if (options_.stop != nullptr && *options_.stop)
      throw Error("aborted", "The model was stopped while a step was in progress.");
    const bool on_rows =
        !node.outputs.empty() &&
        graph_.values[static_cast<size_t>(node.outputs[0])].leading == Leading::num_rows;
    if (on_rows && num_rows == 0) continue;  // a prefill chunk that nobody asks logits of
    if (input.want_hidden && node.op == Op::matmul && node.outputs[0] == graph_.logits) {
      const size_t id = static_cast<size_t>(node.inputs[0]);
      const float* rows = reinterpret_cast<const float*>(arena + plan.offsets[id]);
      output.hidden.assign(rows, rows + num_rows * graph_.values[id].width);
      // The head is the widest matrix: rows of which nobody reads the logits do without it.
      const bool reads_logits =
          input.want_logits || std::any_of(input.samplers.begin(), input.samplers.end(),
                                           [](int32_t sampler) { return sampler != -1; });
      if (!reads_logits) continue;
    }
    run_node(node, plan, arena, batch, num_rows, cache);
    if (node.op != Op::moe_route) continue;
    const size_t id = static_cast<size_t>(node.outputs[0]);
    const int32_t* ids = reinterpret_cast<const int32_t*>(arena + plan.offsets[id]);
    const int64_t num_ids = batch.num_tokens * graph_.values[id].width;
    // Written by this thread alone.
    for (int64_t i = 0; input.count_experts && i < num_ids; i++) {
      std::atomic<int64_t>& count = counts[ids[i]];
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    counts += graph_.values[static_cast<size_t>(node.inputs[0])].width;
    if (input.want_routes) output.routes.insert(output.routes.end(), ids, ids + num_ids);
  }
}

void Executor::run_node(const Node& node, const MemoryPlan& plan, std::byte* arena,
                        const BatchView& batch, int64_t num_rows, const Cache& cache) {
  auto value = [&](int32_t id) {
    const ValueInfo& v = graph_.values[static_cast<size_t>(id)];
    const int64_t leading = v.leading == Leading::num_tokens ? batch.num_tokens : num_rows;
    const Shape shape = id <= kLogitRows ? Shape{leading} : Shape{leading, v.width};
    return Tensor{arena + plan.offsets[static_cast<size_t>(id)], v.is_int ? DType::i32 : DType::f32,
                  shape};
  };
  auto in = [&](size_t i) { return value(node.inputs[i]); };
  auto out = [&](size_t i) { return value(node.outputs[i]); };
  auto matrix = [&](size_t i) -> const Weight& {
    return weights_.matrices[static_cast<size_t>(node.weights[i])];
  };
  auto vector = [&](size_t i) { return weights_.vectors[static_cast<size_t>(node.weights[i])]; };
  auto region = [&]() -> const KvRegion& {
    return cache.regions[static_cast<size_t>(node.region)];
  };

  switch (node.op) {
    case Op::embed: ops::embed(out(0), in(0), matrix(0), stream_); break;
    case Op::rms_norm: ops::rms_norm(out(0), in(0), vector(0), node.eps, stream_); break;
    case Op::matmul:
      ops::matmul(out(0), in(0), matrix(0), node.weights.size() == 2 ? vector(1) : Tensor{},
                  stream_);
      break;
    case Op::rope: {
      const Tensor x = out(0), source = in(0);
      if (x.data != source.data)
        std::memcpy(x.data, source.data, static_cast<size_t>(x.shape.elements()) * sizeof(float));
      std::vector<float>& table = graph_.tables[static_cast<size_t>(node.table)];
      ops::rope(x, in(1), {table.data(), DType::f32, {static_cast<int64_t>(table.size())}},
                node.head_dim, node.scale, stream_);
      break;
    }
    case Op::store_kv: ops::store_kv(region(), in(0), in(1), batch, stream_); break;
    case Op::attention: ops::attention(out(0), in(0), region(), batch, node.scale, stream_); break;
    case Op::silu_mul: ops::silu_mul(out(0), in(0), in(1), stream_); break;
    case Op::add: ops::add(out(0), in(0), in(1), stream_); break;
    case Op::moe_route: ops::moe_route(out(0), out(1), in(0), node.norm_topk_prob, stream_); break;
    case Op::moe_experts: {
      const size_t n = static_cast<size_t>(&node - graph_.nodes.data());
      ops::moe_experts(out(0), in(0), in(1), in(2), expert_tables_[n], stream_);
      break;
    }
    case Op::gather_rows: ops::gather_rows(out(0), in(0), in(1), stream_); break;
  }
}

}  // namespace conclave::executor

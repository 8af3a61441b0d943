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

void Executor::provide(const MemoryPlan& plan, std::byte* arena, const StepInput& input,
                       int64_t num_live) {
  auto put = [&](int32_t id, const std::vector<int32_t>& ids) {
    if (!ids.empty())
      device_->write(arena + plan.offsets[static_cast<size_t>(id)], ids.data(),
                     static_cast<int64_t>(ids.size() * sizeof(int32_t)));
  };
  put(kTokenIds, input.token_ids);
  put(kPositions, input.positions);
  put(kLogitRows, input.logit_rows);
  if (device_->reads_host_memory()) return;
  std::vector<int32_t> arrays;
  for (const auto* list :
       {&input.positions, &input.query_starts, &input.kv_lengths, &input.page_tables})
    arrays.insert(arrays.end(), list->begin(), list->end());
  arrays.push_back(static_cast<int32_t>(num_live));
  const auto bytes = static_cast<int64_t>(arrays.size() * sizeof(int32_t));
  if (bytes > batch_arrays_.size()) {
    device_->finish();  // a step before may still read them
    batch_arrays_ = DeviceBytes(*device_, 2 * bytes);
  }
  device_->write(batch_arrays_.data(), arrays.data(), bytes);
  const auto* end = reinterpret_cast<const int32_t*>(batch_arrays_.data()) + arrays.size();
  device_->set_num_live(end - 1);
}

void Executor::run_nodes(StepOutput& output, const MemoryPlan& plan, std::byte* arena,
                         const StepInput& input, Cache& cache) {
  const BatchView batch{static_cast<int32_t>(input.token_ids.size()),
                        static_cast<int32_t>(input.kv_lengths.size()),
                        input.max_pages,
                        input.token_ids.data(),
                        input.positions.data(),
                        input.query_starts.data(),
                        input.kv_lengths.data(),
                        input.page_tables.data(),
                        reinterpret_cast<const int32_t*>(batch_arrays_.data())};
  const int64_t num_rows = static_cast<int64_t>(input.logit_rows.size());
  const StepValues value{graph_, plan, arena, batch.num_tokens, num_rows};
  const bool on_card = device_->stream().kind == DeviceKind::cuda;
  for (size_t n = 0; n < graph_.nodes.size(); n++) {
    const Node& node = graph_.nodes[n];
    if (options_.stop != nullptr && *options_.stop)
      throw Error("aborted", "The model was stopped while a step was in progress.");
    const bool on_rows =
        !node.outputs.empty() &&
        graph_.values[static_cast<size_t>(node.outputs[0])].leading == Leading::num_rows;
    if (on_rows && num_rows == 0) continue;  // a prefill chunk that nobody asks logits of
    if (input.want_hidden && node.op == Op::matmul && node.outputs[0] == graph_.logits) {
      const size_t id = static_cast<size_t>(node.inputs[0]);
      output.hidden.resize(static_cast<size_t>(num_rows * graph_.values[id].width));
      device_->read(output.hidden.data(), arena + plan.offsets[id],
                    static_cast<int64_t>(output.hidden.size() * sizeof(float)));
      // The head is the widest matrix: rows of which nobody reads the logits do without it.
      if (!input.reads_logits()) continue;
    }
    const size_t first = n;
    const auto run = [&] {
      const size_t together = on_card            ? run_fused(n, value, batch, cache)
                              : node_ns_.empty() ? run_products(n, value)
                                                 : 0;  // each node's own time is asked for
      if (together == 0) run_node(node, value, batch, cache);
      else n += together - 1;
    };
    if (node_ns_.empty()) run();
    else node_ns_[first] += nanoseconds_of(run);
  }
  if (!node_ns_.empty()) node_ns_.back()++;
}

Tensor StepValues::operator()(int32_t id) const {
  const ValueInfo& v = graph.values[static_cast<size_t>(id)];
  const int64_t leading = v.leading == Leading::num_tokens ? num_tokens : num_rows;
  const Shape shape = id <= kLogitRows ? Shape{leading} : Shape{leading, v.width};
  return {arena + plan.offsets[static_cast<size_t>(id)], v.is_int ? DType::i32 : DType::f32, shape};
}

// Rotary frequencies of a rope node.
Tensor Executor::table_of(const Node& rope) const {
  const auto table = static_cast<size_t>(rope.table);
  // const_cast: a tensor that ops read.
  return {const_cast<float*>(tables_[table]),
          DType::f32,
          {static_cast<int64_t>(graph_.tables[table].size())}};
}

void Executor::run_node(const Node& node, const StepValues& value, const BatchView& batch,
                        const Cache& cache) {
  Stream& stream = device_->stream();
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
    case Op::embed: {
      const int64_t rows = cache.sampled.size() / int64_t{sizeof(int32_t)};
      ops::embed(out(0), in(0), {cache.sampled.data(), DType::i32, {rows}}, matrix(0), stream);
      break;
    }
    case Op::rms_norm: ops::rms_norm(out(0), in(0), vector(0), node.eps, stream); break;
    case Op::matmul:
      ops::matmul(out(0), in(0), matrix(0), node.weights.size() == 2 ? vector(1) : Tensor{},
                  stream);
      break;
    case Op::rope: {
      const Tensor x = out(0), source = in(0);
      if (x.data != source.data)
        device_->copy(x.data, source.data, x.shape.elements() * int64_t{sizeof(float)});
      ops::rope(x, in(1), table_of(node), node.head_dim, node.scale, stream);
      break;
    }
    case Op::store_kv: ops::store_kv(region(), in(0), in(1), batch, stream); break;
    case Op::attention: ops::attention(out(0), in(0), region(), batch, node.scale, stream); break;
    case Op::silu_mul: ops::silu_mul(out(0), in(0), in(1), stream); break;
    case Op::add: ops::add(out(0), in(0), in(1), stream); break;
    case Op::moe_route: ops::moe_route(out(0), out(1), in(0), node.norm_topk_prob, stream); break;
    case Op::moe_experts: {
      const size_t n = static_cast<size_t>(&node - graph_.nodes.data());
      ops::moe_experts(out(0), in(0), in(1), in(2), expert_tables_[n], stream);
      break;
    }
    case Op::gather_rows: ops::gather_rows(out(0), in(0), in(1), stream); break;
  }
}

}  // namespace conclave::executor

#include "executor/card_plan.h"

#include <algorithm>

#include "cuda/scratch.h"

namespace conclave::executor {
namespace {

// A recorded step has page tables of the next power of two.
constexpr int64_t kPadding = 2;
// Alternatives of a sampled token; more are seldom asked for.
constexpr int64_t kAlternatives = 20;

struct Slots {
  int64_t bytes[4] = {};
  void need(int slot, int64_t more) { bytes[slot] = std::max(bytes[slot], more); }
};

}  // namespace

ScratchPlan plan_scratch(const Graph& graph, const ExecutorOptions& options) {
  const int64_t tokens = options.max_batch_tokens;
  Slots slots;
  ScratchPlan plan;
  const auto width = [&](int32_t id) { return graph.values[static_cast<size_t>(id)].width; };
  for (const Node& node : graph.nodes) {
    if (node.op == Op::matmul) slots.need(0, cuda::rounded_bytes(tokens, width(node.inputs[0])));
    if (node.op == Op::attention) {
      const int64_t dim = graph.regions[static_cast<size_t>(node.region)].head_dim;
      const int64_t query_width = width(node.inputs[0]);
      if (options.kv_dtype == DType::i8) slots.need(1, cuda::turned_bytes(tokens, query_width));
      const int64_t rows = options.max_sequences * (query_width / dim);
      const int64_t bytes =
          kPadding * cuda::span_bytes(rows, dim) * options.page_size / cuda::kSpanPositions;
      plan.bytes_per_page = std::max(plan.bytes_per_page, bytes + bytes / 4);
      const int64_t kv_heads = graph.regions[static_cast<size_t>(node.region)].num_kv_heads;
      slots.need(3, cuda::ticket_bytes(options.max_sequences * kv_heads));
      // The last span of a sequence need not be full.
      slots.need(0, cuda::span_bytes(rows, dim));
    }
    if (node.op == Op::moe_experts) {
      const int64_t hidden = width(node.inputs[0]), pairs = tokens * width(node.inputs[1]);
      const int64_t intermediate = graph.weights[static_cast<size_t>(node.weights[0])].rows;
      const int64_t tiles = pairs / cuda::kTilePairs + std::min(node.num_experts, pairs);
      slots.need(0, cuda::pair_values_bytes(tokens, pairs, hidden, intermediate));
      slots.need(0, pairs * intermediate * 4);
      slots.need(1, cuda::pair_rows_bytes(pairs, hidden));
      slots.need(2, cuda::pair_lists_bytes(tiles, pairs));
    }
  }
  const int64_t rows = std::min(options.max_sequences, tokens), ids = graph.vocab_size;
  slots.need(0, cuda::sample_request_bytes(rows, rows * ids / 4, rows * (ids / 64 + 1)) +
                    cuda::sample_values_bytes(rows, rows, ids) +
                    cuda::sample_results_bytes(rows, kAlternatives));
  for (const int64_t bytes : slots.bytes) plan.bytes += cuda::grown_scratch(bytes);
  return plan;
}

}  // namespace conclave::executor

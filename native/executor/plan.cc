#include "executor/plan.h"

#include <algorithm>
#include <climits>

namespace conclave::executor {
namespace {

constexpr int64_t kAlign = 64;
constexpr int64_t kMaxBytes = int64_t{1} << 50;

struct Life {
  int first = -1, last = -1;
};

struct Span {
  int64_t begin, end;
  int last;  // the node after which the span is free
};

// Ops that may write over their first input when nothing else needs it.
bool works_in_place(Op op) {
  return op == Op::rms_norm || op == Op::rope || op == Op::silu_mul || op == Op::add;
}

std::vector<Life> lives(const Graph& graph) {
  std::vector<Life> life(graph.values.size());
  for (int32_t id : {kTokenIds, kPositions, kLogitRows}) {
    life[static_cast<size_t>(id)] = {0, static_cast<int>(graph.nodes.size())};
  }
  for (int n = 0; n < static_cast<int>(graph.nodes.size()); n++) {
    for (int32_t id : graph.nodes[static_cast<size_t>(n)].inputs)
      life[static_cast<size_t>(id)].last = std::max(n, life[static_cast<size_t>(id)].last);
    for (int32_t id : graph.nodes[static_cast<size_t>(n)].outputs)
      life[static_cast<size_t>(id)] = {n, n};
  }
  life[static_cast<size_t>(graph.logits)].last = static_cast<int>(graph.nodes.size());
  return life;
}

// The lowest gap of `bytes` among the spans that are still alive at node n; spans stay sorted by
// their begin.
int64_t place(std::vector<Span>& spans, int64_t bytes, int n, int last) {
  std::erase_if(spans, [n](const Span& s) { return s.last < n; });
  int64_t at = 0;
  auto next = spans.begin();
  for (; next != spans.end() && next->begin - at < bytes; next++) at = std::max(at, next->end);
  // One value has at most 2^48 bytes, so the sum itself stays far below 2^63.
  if (at + bytes > kMaxBytes)
    throw Error("insufficient_memory",
                "Expected a graph whose activations fit memory, but they "
                "take more than 2^50 bytes. Use a smaller maxBatchTokens.");
  spans.insert(next, {at, at + bytes, last});
  return at;
}

}  // namespace

MemoryPlan plan_memory(const Graph& graph, int64_t max_tokens, int64_t max_rows) {
  const std::vector<Life> life = lives(graph);
  MemoryPlan plan{std::vector<int64_t>(graph.values.size(), 0), 0, max_tokens, max_rows};
  std::vector<Span> spans;
  auto bytes_of = [&](int32_t id) {
    const ValueInfo& v = graph.values[static_cast<size_t>(id)];
    const int64_t n = (v.leading == Leading::num_tokens ? max_tokens : max_rows) * v.width * 4;
    return (n + kAlign - 1) / kAlign * kAlign;
  };
  auto put = [&](int32_t id, int n) {
    plan.offsets[static_cast<size_t>(id)] =
        place(spans, bytes_of(id), n, life[static_cast<size_t>(id)].last);
    plan.bytes = std::max(plan.bytes, plan.offsets[static_cast<size_t>(id)] + bytes_of(id));
  };
  for (const Node& node : graph.nodes) {
    if (node.op == Op::moe_route)
      plan.routes_pitch = std::max(plan.routes_pitch, bytes_of(node.outputs[0]));
  }
  for (const Node& node : graph.nodes) {
    if (node.op != Op::moe_route) continue;
    plan.offsets[static_cast<size_t>(node.outputs[0])] = plan.bytes;
    spans.push_back({plan.bytes, plan.bytes + plan.routes_pitch, INT_MAX});
    plan.bytes += plan.routes_pitch;
  }
  for (int32_t id : {kTokenIds, kPositions, kLogitRows}) put(id, 0);
  for (int n = 0; n < static_cast<int>(graph.nodes.size()); n++) {
    const Node& node = graph.nodes[static_cast<size_t>(n)];
    if (works_in_place(node.op)) {
      const int32_t in = node.inputs[0], out = node.outputs[0];
      const int64_t at = plan.offsets[static_cast<size_t>(in)];
      auto span = std::find_if(spans.begin(), spans.end(),
                               [&](const Span& s) { return s.begin == at && s.last == n; });
      if (life[static_cast<size_t>(in)].last == n && bytes_of(in) == bytes_of(out) &&
          span != spans.end()) {
        plan.offsets[static_cast<size_t>(out)] = at;
        span->last = life[static_cast<size_t>(out)].last;
        continue;
      }
    }
    for (int32_t id : node.outputs) {
      if (node.op != Op::moe_route || id != node.outputs[0]) put(id, n);
    }
  }
  return plan;
}

}  // namespace conclave::executor

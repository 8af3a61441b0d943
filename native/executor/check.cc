// Shape rules of each op, in the words of its header in native/ops.
#include "executor/graph.h"

namespace conclave::executor {
namespace {

class NodeCheck {
 public:
  NodeCheck(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  const ValueInfo& in(size_t i) const {
    return graph_.values[static_cast<size_t>(node_.inputs[i])];
  }
  const ValueInfo& out(size_t i) const {
    return graph_.values[static_cast<size_t>(node_.outputs[i])];
  }
  const WeightRef& weight(size_t i) const {
    return graph_.weights[static_cast<size_t>(node_.weights[i])];
  }

  void arity(size_t inputs, size_t outputs, size_t min_weights, size_t max_weights) const {
    equal("number of inputs", static_cast<int64_t>(node_.inputs.size()),
          static_cast<int64_t>(inputs));
    equal("number of outputs", static_cast<int64_t>(node_.outputs.size()),
          static_cast<int64_t>(outputs));
    if (node_.weights.size() < min_weights || node_.weights.size() > max_weights)
      fail("has the wrong number of weights");
  }
  void equal(const char* dimension, int64_t actual, int64_t expected) const {
    if (actual == expected) return;
    fail(std::string(dimension) + " is " + std::to_string(actual) + ", expected " +
         std::to_string(expected));
  }
  void divides(const char* dimension, int64_t part, int64_t whole) const {
    if (part > 0 && whole % part == 0) return;
    fail(std::string(dimension) + " " + std::to_string(part) + " does not divide " +
         std::to_string(whole));
  }
  void same_leading(const ValueInfo& a, const ValueInfo& b) const {
    if (a.leading != b.leading) fail("mixes tokens and logit rows");
  }
  void floats(std::initializer_list<const ValueInfo*> values) const {
    for (const ValueInfo* v : values) {
      if (v->is_int) fail("takes activations where ids were given");
    }
  }
  void ints(const ValueInfo& v, int64_t width) const {
    if (!v.is_int || v.width != width) fail("takes ids of width " + std::to_string(width));
  }
  void matrix(size_t i) const {
    if (!weight(i).is_matrix) fail("takes a matrix");
  }
  const RegionInfo& region() const {
    if (node_.region < 0) fail("names no cache region");
    return graph_.regions[static_cast<size_t>(node_.region)];
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("invalid_config",
                "graph: " + node_.label + ": " + op_name(node_.op) + " " + what + ".");
  }

 private:
  const Graph& graph_;
  const Node& node_;
};

void check_embed(const NodeCheck& c, const Graph& graph, const Node& node) {
  c.arity(1, 1, 1, 1);
  c.matrix(0);
  if (node.inputs[0] != kTokenIds) c.fail("takes token_ids");
  c.floats({&c.out(0)});
  c.equal("hidden_size", c.weight(0).cols, c.out(0).width);
  if (c.weight(0).rows < graph.vocab_size) c.fail("has fewer rows than there are token ids");
}

void check_rms_norm(const NodeCheck& c) {
  c.arity(1, 1, 1, 1);
  c.floats({&c.in(0), &c.out(0)});
  c.equal("output width", c.out(0).width, c.in(0).width);
  c.divides("norm width", c.weight(0).cols, c.in(0).width);
}

void check_matmul(const NodeCheck& c, const Node& node) {
  c.arity(1, 1, 1, 2);
  c.matrix(0);
  c.floats({&c.in(0), &c.out(0)});
  c.equal("in features", c.weight(0).cols, c.in(0).width);
  c.equal("out features", c.weight(0).rows, c.out(0).width);
  if (node.weights.size() == 2) c.equal("bias size", c.weight(1).cols, c.out(0).width);
}

void check_rope(const NodeCheck& c, const Graph& graph, const Node& node) {
  c.arity(2, 1, 0, 0);
  c.floats({&c.in(0), &c.out(0)});
  if (node.inputs[1] != kPositions) c.fail("takes positions");
  c.equal("output width", c.out(0).width, c.in(0).width);
  c.divides("head_dim", node.head_dim, c.in(0).width);
  if (node.table < 0) c.fail("names no table of frequencies");
  const int64_t pairs = static_cast<int64_t>(graph.tables[static_cast<size_t>(node.table)].size());
  if (pairs < 1 || 2 * pairs > node.head_dim)
    c.fail("has a table that is empty or wider than head_dim");
}

void check_kv(const NodeCheck& c, const Node& node) {
  const RegionInfo& region = c.region();
  const int64_t width = region.num_kv_heads * region.head_dim;
  if (node.op == Op::store_kv) {
    c.arity(2, 0, 0, 0);
    c.floats({&c.in(0), &c.in(1)});
    c.equal("key width", c.in(0).width, width);
    c.equal("value width", c.in(1).width, width);
  } else {
    c.arity(1, 1, 0, 0);
    c.floats({&c.in(0), &c.out(0)});
    c.divides("width of all KV heads", width, c.in(0).width);
    c.equal("output width", c.out(0).width, c.in(0).width);
  }
}

void check_elementwise(const NodeCheck& c) {
  c.arity(2, 1, 0, 0);
  c.floats({&c.in(0), &c.in(1), &c.out(0)});
  c.equal("second width", c.in(1).width, c.in(0).width);
  c.equal("output width", c.out(0).width, c.in(0).width);
  c.same_leading(c.in(0), c.in(1));
}

void check_moe_route(const NodeCheck& c) {
  c.arity(1, 2, 0, 0);
  c.floats({&c.in(0), &c.out(1)});
  c.ints(c.out(0), c.out(1).width);
  if (c.out(0).width < 1 || c.out(0).width > c.in(0).width)
    c.fail("chooses more experts than there are");
}

// Expert ids index the table of experts, so they must come from a router of just as many.
void check_router(const NodeCheck& c, const Graph& graph, const Node& node) {
  for (const Node& route : graph.nodes) {
    if (route.op != Op::moe_route || route.outputs[0] != node.inputs[1]) continue;
    c.equal("number of routed experts", graph.values[static_cast<size_t>(route.inputs[0])].width,
            node.num_experts);
    return;
  }
  c.fail("takes the expert ids of a moe_route");
}

void check_moe_experts(const NodeCheck& c, const Graph& graph, const Node& node) {
  const size_t num_experts = static_cast<size_t>(node.num_experts);
  if (node.num_experts < 1 || node.num_experts > 65536) c.fail("has no experts");
  c.arity(3, 1, 3 * num_experts, 3 * num_experts);
  c.floats({&c.in(0), &c.in(2), &c.out(0)});
  c.ints(c.in(1), c.in(2).width);
  check_router(c, graph, node);
  c.equal("output width", c.out(0).width, c.in(0).width);
  const int64_t hidden = c.in(0).width, intermediate = c.weight(0).rows;
  for (size_t e = 0; e < num_experts; e++) {
    for (size_t part : {e, num_experts + e, 2 * num_experts + e}) c.matrix(part);
    for (size_t part : {e, num_experts + e}) {
      c.equal("moe_intermediate_size", c.weight(part).rows, intermediate);
      c.equal("hidden_size", c.weight(part).cols, hidden);
    }
    c.equal("hidden_size", c.weight(2 * num_experts + e).rows, hidden);
    c.equal("moe_intermediate_size", c.weight(2 * num_experts + e).cols, intermediate);
  }
}

void check_gather_rows(const NodeCheck& c, const Node& node) {
  c.arity(2, 1, 0, 0);
  c.floats({&c.in(0), &c.out(0)});
  if (node.inputs[1] != kLogitRows) c.fail("takes logit_rows");
  if (c.in(0).leading != Leading::num_tokens || c.out(0).leading != Leading::num_rows)
    c.fail("goes from tokens to logit rows");
  c.equal("output width", c.out(0).width, c.in(0).width);
}

void check_node(const Graph& graph, const Node& node) {
  const NodeCheck c(graph, node);
  switch (node.op) {
    case Op::embed: check_embed(c, graph, node); break;
    case Op::rms_norm: check_rms_norm(c); break;
    case Op::matmul: check_matmul(c, node); break;
    case Op::rope: check_rope(c, graph, node); break;
    case Op::store_kv:
    case Op::attention: check_kv(c, node); break;
    case Op::silu_mul:
    case Op::add: check_elementwise(c); break;
    case Op::moe_route: check_moe_route(c); break;
    case Op::moe_experts: check_moe_experts(c, graph, node); break;
    case Op::gather_rows: check_gather_rows(c, node); break;
  }
  const bool crosses = node.op == Op::gather_rows;
  const bool on_pages = node.op == Op::rope || node.op == Op::store_kv ||
                        node.op == Op::attention || node.op == Op::embed;
  if (!crosses) {
    for (int32_t id : node.outputs) c.same_leading(c.in(0), graph.values[static_cast<size_t>(id)]);
  }
  if (on_pages && c.in(0).leading != Leading::num_tokens)
    c.fail("works on tokens, not on logit rows");
}

}  // namespace

void check_graph(const Graph& graph) {
  for (const Node& node : graph.nodes) check_node(graph, node);
  const ValueInfo& logits = graph.values[static_cast<size_t>(graph.logits)];
  if (logits.leading != Leading::num_rows || logits.is_int || logits.width != graph.vocab_size) {
    throw Error("invalid_config", "graph: logits must be (num_rows, vocab_size).");
  }
}

}  // namespace conclave::executor

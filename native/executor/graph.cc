#include "executor/graph.h"

#include <cmath>

#include "io/json.h"

namespace conclave::executor {
namespace {

using io::JsonValue;

// Every factor of a weight's address stays below 2^40 and every count below 2^26, so that sums and
// products of two fit int64 with room to spare.
constexpr int64_t kMaxExtent = int64_t{1} << 40;
constexpr int64_t kMaxWidth = int64_t{1} << 26;
// Planning takes their square at worst; the largest models have a few thousand.
constexpr size_t kMaxValues = size_t{1} << 16;

constexpr const char* kOpNames[] = {"embed",     "rms_norm",    "matmul",     "rope",
                                    "store_kv",  "attention",   "silu_mul",   "add",
                                    "moe_route", "moe_experts", "gather_rows"};

[[noreturn]] void fail(const std::string& what) {
  throw Error("invalid_config", "graph: " + what + ".");
}

int64_t bounded(const JsonValue& value, int64_t low, int64_t high, const char* what) {
  const int64_t n = value.as_int();
  if (n < low || n > high)
    fail(std::string(what) + " " + std::to_string(n) + " is not in [" + std::to_string(low) + ", " +
         std::to_string(high) + "]");
  return n;
}

float finite(const JsonValue& value, const char* what) {
  const float x = static_cast<float>(value.as_double());
  if (!std::isfinite(x)) fail(std::string(what) + " is not a finite number");
  return x;
}

Op parse_op(std::string_view name) {
  for (size_t i = 0; i < std::size(kOpNames); i++) {
    if (name == kOpNames[i]) return static_cast<Op>(i);
  }
  fail("unknown op \"" + std::string(name) + "\"");
}

ValueInfo parse_value(const JsonValue& json) {
  const JsonValue shape = json.at("shape");
  const std::vector<JsonValue> dims = shape.elements();
  if (dims.empty() || dims.size() > 2) fail("a value has one or two dimensions");
  const std::string_view leading = dims[0].as_string();
  if (leading != "num_tokens" && leading != "num_rows")
    fail("unknown dimension \"" + std::string(leading) + "\"");
  return {leading == "num_tokens" ? Leading::num_tokens : Leading::num_rows,
          dims.size() == 2 ? bounded(dims[1], 1, kMaxWidth, "width") : 1,
          json.at("dtype").as_string() == "i32"};
}

// Scales belong to a whole matrix as quantised checkpoints store it, never to a slice of a tensor.
ScaleRef parse_scales(const JsonValue& json, const WeightRef& ref) {
  ScaleRef scales;
  scales.tensor = std::string(json.at("tensor").as_string());
  scales.block_rows = bounded(json.at("blockRows"), 1, ref.rows, "blockRows");
  scales.block_cols = bounded(json.at("blockCols"), 1, ref.cols, "blockCols");
  const bool whole =
      ref.is_matrix && ref.dense() && ref.offset == 0 && ref.interleaved_head_dim == 0;
  if (!scales || !whole) fail("scales of \"" + ref.tensor + "\" need a whole matrix and a tensor");
  return scales;
}

WeightRef parse_weight(const JsonValue& json) {
  WeightRef ref;
  ref.tensor = std::string(json.at("tensor").as_string());
  ref.is_matrix = json.at("kind").as_string() == "matrix";
  ref.exact = json.bool_or("exact", false);
  ref.rows = bounded(json.at("rows"), 1, kMaxWidth, "rows");
  ref.cols = bounded(json.at("cols"), 1, kMaxWidth, "cols");
  ref.offset = bounded(json.at("offset"), 0, int64_t{1} << 52, "offset");
  ref.row_stride = bounded(json.at("rowStride"), 1, kMaxWidth, "rowStride");
  ref.col_stride = bounded(json.at("colStride"), 1, kMaxWidth, "colStride");
  if (ref.rows * ref.cols > kMaxExtent) fail("weight \"" + ref.tensor + "\" is too large");
  if (const auto x = json.find("interleavedHeadDim")) {
    ref.interleaved_head_dim = bounded(*x, 2, 65536, "interleavedHeadDim");
    const int64_t lines = ref.is_matrix ? ref.rows : ref.cols;
    if (ref.interleaved_head_dim % 2 != 0 || lines % ref.interleaved_head_dim != 0) {
      fail("weight \"" + ref.tensor + "\" has no whole heads of pairs");
    }
  }
  if (const auto x = json.find("scales")) ref.scales = parse_scales(*x, ref);
  if (!ref.is_matrix && ref.rows != 1) fail("vector \"" + ref.tensor + "\" has more than one row");
  return ref;
}

std::vector<int32_t> parse_ids(const JsonValue& list, size_t limit, const char* what) {
  std::vector<int32_t> ids;
  for (int64_t id : list.as_ints()) {
    if (id < 0 || id >= static_cast<int64_t>(limit))
      fail(std::string(what) + " " + std::to_string(id) + " does not exist");
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

Node parse_node(const JsonValue& json, const Graph& graph) {
  Node node;
  node.op = parse_op(json.at("op").as_string());
  node.label = std::string(json.at("label").as_string());
  node.inputs = parse_ids(json.at("inputs"), graph.values.size(), "value");
  node.outputs = parse_ids(json.at("outputs"), graph.values.size(), "value");
  node.weights = parse_ids(json.at("weights"), graph.weights.size(), "weight");
  const JsonValue attrs = json.at("attrs");
  if (const auto x = attrs.find("eps")) node.eps = finite(*x, "eps");
  if (const auto x = attrs.find("scale")) node.scale = finite(*x, "scale");
  if (const auto x = attrs.find("head_dim")) node.head_dim = bounded(*x, 1, kMaxWidth, "head_dim");
  if (const auto x = attrs.find("num_experts"))
    node.num_experts = bounded(*x, 1, 65536, "num_experts");
  if (const auto x = attrs.find("norm_topk_prob")) node.norm_topk_prob = x->as_bool();
  auto index = [&](const char* key, size_t count) {
    const auto x = attrs.find(key);
    return x ? static_cast<int32_t>(bounded(*x, 0, static_cast<int64_t>(count) - 1, key)) : -1;
  };
  node.region = index("region", graph.regions.size());
  node.table = index("table", graph.tables.size());
  return node;
}

// Each value is written once, before it is read, and a node does not read what it writes.
void check_order(const Graph& graph) {
  std::vector<bool> written(graph.values.size(), false);
  for (int32_t id : {kTokenIds, kPositions, kLogitRows}) written[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty()) fail(node.label + ": " + op_name(node.op) + " has no input");
    for (int32_t id : node.inputs) {
      if (!written[static_cast<size_t>(id)])
        fail(node.label + ": value " + std::to_string(id) + " is read before it is written");
    }
    for (int32_t id : node.outputs) {
      if (written[static_cast<size_t>(id)])
        fail(node.label + ": value " + std::to_string(id) + " is written twice");
      written[static_cast<size_t>(id)] = true;
    }
  }
  if (!written[static_cast<size_t>(graph.logits)]) fail("the logits are never written");
}

void check_inputs(const Graph& graph) {
  const Leading expected[] = {Leading::num_tokens, Leading::num_tokens, Leading::num_rows};
  if (graph.values.size() < 4) fail("there are no values");
  for (size_t id = 0; id < 3; id++) {
    const ValueInfo& v = graph.values[id];
    if (!v.is_int || v.width != 1 || v.leading != expected[id])
      fail("values 0 to 2 must be token_ids, positions and logit_rows");
  }
}

}  // namespace

const char* op_name(Op op) { return kOpNames[static_cast<size_t>(op)]; }

WeightRef parse_weight(std::string_view json) {
  const io::JsonDocument document = io::parse_json(std::string(json), "the weight");
  return parse_weight(document.root());
}

Graph parse_graph(std::string_view json) {
  const io::JsonDocument document = io::parse_json(std::string(json), "the recorded graph");
  const JsonValue root = document.root();
  if (root.at("version").as_int() != 1) fail("expected version 1");
  Graph graph;
  graph.architecture = std::string(root.at("architecture").as_string());
  graph.vocab_size = bounded(root.at("vocabSize"), 1, kMaxWidth, "vocabSize");
  for (const JsonValue value : root.at("values")) graph.values.push_back(parse_value(value));
  if (graph.values.size() > kMaxValues) fail("more than 65536 values");
  check_inputs(graph);
  for (const JsonValue weight : root.at("weights")) graph.weights.push_back(parse_weight(weight));
  for (const JsonValue table : root.at("tables")) {
    std::vector<float> values;
    for (const JsonValue x : table.at("values")) values.push_back(finite(x, "a table's value"));
    graph.tables.push_back(std::move(values));
  }
  for (const JsonValue region : root.at("regions")) {
    if (region.at("kind").as_string() != "kv") fail("a cache region must be kv");
    graph.regions.push_back({bounded(region.at("numKvHeads"), 1, 65536, "numKvHeads"),
                             bounded(region.at("headDim"), 1, 65536, "headDim")});
  }
  for (const JsonValue node : root.at("nodes")) graph.nodes.push_back(parse_node(node, graph));
  if (graph.nodes.size() > kMaxValues) fail("more than 65536 nodes");
  graph.logits = static_cast<int32_t>(
      bounded(root.at("logits"), 3, static_cast<int64_t>(graph.values.size()) - 1, "logits"));
  check_order(graph);
  return graph;
}

}  // namespace conclave::executor

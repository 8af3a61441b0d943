#pragma once
// The recorded model as plain structs. It arrives as JSON text from lib/graph (lib/graph/node.ts
// holds the same fields) and is not trusted: parse_graph checks every id, and check_graph every
// shape, before memory is planned.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace conclave::executor {

enum class Op : uint8_t {
  embed,
  rms_norm,
  matmul,
  rope,
  store_kv,
  attention,
  silu_mul,
  add,
  moe_route,
  moe_experts,
  gather_rows,
};

const char* op_name(Op op);

// Values 0, 1 and 2 are what a step provides.
inline constexpr int32_t kTokenIds = 0, kPositions = 1, kLogitRows = 2;

// The leading dimension of a value: how many tokens, or how many rows of logits, this step has.
enum class Leading : uint8_t { num_tokens, num_rows };

struct ValueInfo {
  Leading leading = Leading::num_tokens;
  int64_t width = 1;  // elements for each token or row
  bool is_int = false;
};

// Scale (i, j) multiplies rows i·block_rows … and columns j·block_cols … of a matrix; scales lie
// row-major, ceil(cols / block_cols) to a row.
struct ScaleRef {
  std::string tensor;  // empty: the values stand as they are
  int64_t block_rows = 1, block_cols = 1;
  explicit operator bool() const { return !tensor.empty(); }
};

// Element (r, c) lies at offset + r·row_stride + c·col_stride of the tensor.
struct WeightRef {
  std::string tensor;
  bool is_matrix = false;
  bool exact = false;  // f32 whatever is asked for: routers, whose choices flip on small errors
  int64_t rows = 0, cols = 0, offset = 0, row_stride = 0, col_stride = 0;
  // Above 0: in each run of so many rows (of elements, in a vector) the file has row i and row
  // i + half side by side, as 2i and 2i + 1.
  int64_t interleaved_head_dim = 0;
  ScaleRef scales;
  bool dense() const { return col_stride == 1 && row_stride == cols; }
};

struct RegionInfo {
  int64_t num_kv_heads = 0, head_dim = 0;
};

struct Node {
  Op op = Op::add;
  std::string label;
  std::vector<int32_t> inputs, outputs, weights;
  float eps = 0, scale = 1;
  int64_t head_dim = 0, num_experts = 0;
  int32_t region = -1, table = -1;
  bool norm_topk_prob = false;
};

struct Graph {
  std::string architecture;
  int64_t vocab_size = 0;
  std::vector<ValueInfo> values;
  std::vector<WeightRef> weights;
  std::vector<std::vector<float>> tables;
  std::vector<RegionInfo> regions;
  std::vector<Node> nodes;
  int32_t logits = -1;
};

// Throws invalid_config: malformed document, unknown op, an id out of range or used before it is
// written.
Graph parse_graph(std::string_view json);

// One weight of a graph by itself, checked in the same way.
WeightRef parse_weight(std::string_view json);

// Throws invalid_config naming node and dimension where shapes disagree.
void check_graph(const Graph& graph);

}  // namespace conclave::executor

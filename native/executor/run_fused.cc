// Neighbouring nodes that are one op: products of the same rows on the CPU; what a card has one
// kernel for, cuda/fused.h.
#include "cuda/fused.h"

#include <algorithm>

#include "executor/executor.h"
#include "ops/kv_check.h"
#include "ops/matmul.h"

namespace conclave::executor {
namespace {

int64_t bytes_of(const Tensor& t) { return t.shape.elements() * int64_t{sizeof(float)}; }

bool apart(const Tensor& a, const Tensor& b) {
  const auto* x = static_cast<const std::byte*>(a.data);
  const auto* y = static_cast<const std::byte*>(b.data);
  return x + bytes_of(a) <= y || y + bytes_of(b) <= x;
}

// Whole rows of one share no memory with other rows of the other.
bool row_by_row(const Tensor& a, const Tensor& b) {
  return (a.data == b.data && bytes_of(a) == bytes_of(b)) || apart(a, b);
}

// A norm of each head, where there is one, and the turn behind it.
struct Turned {
  const Node* norm;  // null: there is none
  const Node* rope;
  size_t count = 0;  // of nodes; 0: something else
  int32_t input() const { return norm ? norm->inputs[0] : rope->inputs[0]; }
};

Turned turned_at(const std::vector<Node>& nodes, size_t n) {
  const auto is = [&](size_t at, Op op) { return at < nodes.size() && nodes[at].op == op; };
  if (is(n, Op::rope)) return {nullptr, &nodes[n], 1};
  if (is(n, Op::rms_norm) && is(n + 1, Op::rope) && nodes[n + 1].inputs[0] == nodes[n].outputs[0])
    return {&nodes[n], &nodes[n + 1], 2};
  return {nullptr, nullptr, 0};
}

}  // namespace

// Matrices that multiply the same rows, one node after the other.
size_t Executor::run_products(size_t n, const StepValues& value) {
  const Node& first = graph_.nodes[n];
  if (first.op != Op::matmul) return 0;
  const auto matrix = [&](const Node& node) {
    return &weights_.matrices[static_cast<size_t>(node.weights[0])];
  };
  const Tensor x = value(first.inputs[0]);
  std::vector<ops::Product> products;
  const auto joins = [&](const Node& node) {
    if (node.op != Op::matmul || node.inputs[0] != first.inputs[0] ||
        node.outputs[0] == graph_.logits || matrix(node)->dtype != matrix(first)->dtype)
      return false;
    const Tensor y = value(node.outputs[0]);
    return apart(x, y) && std::all_of(products.begin(), products.end(),
                                      [&](const auto& other) { return apart(other.y, y); });
  };
  for (; n < graph_.nodes.size() && joins(graph_.nodes[n]); n++) {
    const Node& node = graph_.nodes[n];
    const bool biased = node.weights.size() == 2;
    products.push_back(
        {value(node.outputs[0]), matrix(node),
         biased ? weights_.vectors[static_cast<size_t>(node.weights[1])] : Tensor{}});
  }
  if (products.size() < 2) return 0;
  ops::matmul(products, x, device_->stream());
  return products.size();
}

size_t Executor::run_fused(size_t n, const StepValues& value, const BatchView& batch,
                           const Cache& cache) {
  const Node& node = graph_.nodes[n];
  if (node.op == Op::add && n + 1 < graph_.nodes.size())
    return run_add_norm(node, graph_.nodes[n + 1], value) ? 2 : 0;
  if (node.op == Op::rms_norm || node.op == Op::rope) return run_heads(n, value, batch, cache);
  return 0;
}

bool Executor::run_add_norm(const Node& add, const Node& norm, const StepValues& value) {
  if (norm.op != Op::rms_norm || norm.inputs[0] != add.outputs[0]) return false;
  const Tensor a = value(add.inputs[0]), b = value(add.inputs[1]);
  const Tensor sum = value(add.outputs[0]), y = value(norm.outputs[0]);
  const Tensor w = weights_.vectors[static_cast<size_t>(norm.weights[0])];
  if (w.shape.elements() != sum.shape[1] || !row_by_row(sum, a) || !row_by_row(sum, b) ||
      !row_by_row(y, a) || !row_by_row(y, b) || !row_by_row(y, sum))
    return false;
  cuda::add_rms_norm(sum, y, a, b, w, norm.eps, static_cast<cuda::CudaStream&>(device_->stream()));
  return true;
}

// q and k, each with its norm or both without one, and the store of k and v.
size_t Executor::run_heads(size_t n, const StepValues& value, const BatchView& batch,
                           const Cache& cache) {
  const std::vector<Node>& nodes = graph_.nodes;
  const Turned q = turned_at(nodes, n), k = turned_at(nodes, n + q.count);
  const size_t last = n + q.count + k.count;
  if (q.count == 0 || k.count == 0 || last >= nodes.size() || nodes[last].op != Op::store_kv)
    return 0;
  const Node& store = nodes[last];
  const KvRegion& region = cache.regions[static_cast<size_t>(store.region)];
  const auto used_once = [&](int32_t id) { return num_uses_[static_cast<size_t>(id)] == 1; };
  const auto rows_of = [&](const Turned& part) -> cuda::HeadRows {
    if (!part.norm) return {value(part.input()), Tensor{}, 0};
    return {value(part.input()), weights_.vectors[static_cast<size_t>(part.norm->weights[0])],
            part.norm->eps};
  };
  const cuda::HeadRows q_rows = rows_of(q), k_rows = rows_of(k);
  const auto fits = [&](const Turned& part, const cuda::HeadRows& rows) {
    // What lies between is not written.
    return part.rope->head_dim == region.head_dim &&
           (!part.norm ||
            (rows.w.shape.elements() == region.head_dim && used_once(part.norm->outputs[0])));
  };
  const Node &q_rope = *q.rope, &k_rope = *k.rope;
  const Tensor q_out = value(q_rope.outputs[0]), v = value(store.inputs[1]);
  if (!fits(q, q_rows) || !fits(k, k_rows) || store.inputs[0] != k_rope.outputs[0] ||
      !used_once(k_rope.outputs[0]) || q_rope.table != k_rope.table ||
      q_rope.scale != k_rope.scale || !row_by_row(q_out, q_rows.x) || !apart(q_out, k_rows.x) ||
      !apart(q_out, v))
    return 0;
  ops::check_pages("store_kv", region);
  cuda::store_heads(q_out, q_rows, k_rows, v, table_of(q_rope), q_rope.scale, region, batch,
                    static_cast<cuda::CudaStream&>(device_->stream()));
  return last - n + 1;
}

}  // namespace conclave::executor

// Neighbouring nodes that a card has one kernel for: cuda/fused.h.
#include "cuda/fused.h"

#include "executor/executor.h"

namespace conclave::executor {
namespace {

// Whole rows of one share no memory with other rows of the other.
bool row_by_row(const Tensor& a, const Tensor& b) {
  const auto* x = static_cast<const std::byte*>(a.data);
  const auto* y = static_cast<const std::byte*>(b.data);
  const auto bytes = [](const Tensor& t) { return t.shape.elements() * int64_t{sizeof(float)}; };
  return (x == y && bytes(a) == bytes(b)) || x + bytes(a) <= y || y + bytes(b) <= x;
}

}  // namespace

bool Executor::run_pair(const Node& node, const Node& next, const StepValues& value) {
  auto& stream = static_cast<cuda::CudaStream&>(device_->stream());
  const auto follows = [&](Op op, Op next_op) {
    return node.op == op && next.op == next_op && next.inputs[0] == node.outputs[0];
  };
  const auto vector = [&](const Node& of) {
    return weights_.vectors[static_cast<size_t>(of.weights[0])];
  };
  if (follows(Op::add, Op::rms_norm)) {
    const Tensor a = value(node.inputs[0]), b = value(node.inputs[1]);
    const Tensor sum = value(node.outputs[0]), y = value(next.outputs[0]), w = vector(next);
    if (w.shape.elements() != sum.shape[1] || !row_by_row(sum, a) || !row_by_row(sum, b) ||
        !row_by_row(y, a) || !row_by_row(y, b) || !row_by_row(y, sum))
      return false;
    cuda::add_rms_norm(sum, y, a, b, w, next.eps, stream);
    return true;
  }
  if (follows(Op::rms_norm, Op::rope)) {
    const Tensor x = value(node.inputs[0]), y = value(next.outputs[0]), w = vector(node);
    // What lies between the two is not written.
    if (num_uses_[static_cast<size_t>(node.outputs[0])] != 1 ||
        w.shape.elements() != next.head_dim || !row_by_row(y, x))
      return false;
    cuda::rms_norm_rope(y, x, w, node.eps, value(next.inputs[1]), table_of(next), next.scale,
                        stream);
    return true;
  }
  return false;
}

}  // namespace conclave::executor

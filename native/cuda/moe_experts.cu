// moe_experts: chooses among three ways, by format, shape and number of tokens.
#include "cuda/moe_experts.h"

#include "core/error.h"
#include "cuda/runtime.h"

namespace conclave::cuda {

namespace {

bool takes_fragments(const MoeProblem& p, const ops::ExpertTable& experts) {
  if (p.hidden % kFragmentAlign != 0 || p.intermediate % kFragmentAlign != 0) return false;
  for (const auto* list : {&experts.gate, &experts.up, &experts.down}) {
    for (const Weight& w : *list) {
      if (reinterpret_cast<uintptr_t>(w.data) % 16 != 0) return false;
    }
  }
  return true;
}

template <class W>
void run(const MoeProblem& p, const ops::ExpertTable& experts, CudaStream& stream) {
  if (!takes_fragments(p, experts)) return moe_dot<W>(p, stream);
  if (p.num_tokens <= kFragmentColumns) return moe_few<W>(p, stream);
  moe_tiles<W>(p, stream);
}

const ExpertPointers* table_of(const ops::ExpertTable& experts, CudaStream& stream) {
  if (experts.device_table) return static_cast<const ExpertPointers*>(experts.device_table);
  const std::vector<ExpertPointers> list = expert_pointers(experts);
  const int64_t bytes = static_cast<int64_t>(list.size() * sizeof(ExpertPointers));
  void* table = stream.scratch(3, bytes);
  runtime::copy(table, list.data(), bytes, stream.queue);
  runtime::wait(stream.queue);
  return static_cast<const ExpertPointers*>(table);
}

}  // namespace

namespace {
// Kernels read all matrices of an expert in one format.
void check_one_format(const ops::ExpertTable& experts) {
  if (experts.gate[0].dtype == experts.down[0].dtype && !experts.gate[0].int8_activations) return;
  throw Error("unsupported_format",
              "Expected gate, up and down of all experts in one number format on a GPU, but they "
              "differ. Ask for weights: 'bf16' or 'int8'.");
}
}  // namespace

void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights,
                 const ops::ExpertTable& experts, CudaStream& stream) {
  check_one_format(experts);
  const MoeProblem p{y.f32(),
                     x.f32(),
                     expert_ids.i32(),
                     weights.f32(),
                     table_of(experts, stream),
                     static_cast<int>(x.shape[0]),
                     static_cast<int>(expert_ids.shape[1]),
                     static_cast<int>(experts.gate.size()),
                     static_cast<int>(x.shape[1]),
                     static_cast<int>(experts.gate[0].rows)};
  switch (experts.gate[0].dtype) {
    case DType::f32: return moe_dot<F32>(p, stream);
    case DType::f16: return moe_dot<F16>(p, stream);
    case DType::bf16: return run<Bf16>(p, experts, stream);
    default: return run<Int8>(p, experts, stream);
  }
}

}  // namespace conclave::cuda

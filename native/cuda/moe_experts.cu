// moe_experts: chooses among the ways, by format, shape and number of tokens.
#include "cuda/moe_experts.h"

#include "core/error.h"
#include "cuda/runtime.h"

namespace conclave::cuda {

namespace {

// On average an expert's pairs fill half of a tile.
bool fills_tiles(const MoeProblem& p) {
  return int64_t{p.num_tokens} * p.k >= int64_t{p.num_experts} * 32;
}

template <class W>
void run(const MoeProblem& p, const ops::ExpertTable& experts, CudaStream& stream) {
  if (!takes_fragments(experts)) return moe_dot<W>(p, stream);
  if (p.num_tokens <= kFragmentColumns) return moe_few<W>(p, stream);
  if (p.maps != nullptr && fills_tiles(p)) return moe_hopper<W>(p, stream);
  moe_tiles<W>(p, stream);
}

const void* table_of(const ops::ExpertTable& experts, CudaStream& stream) {
  if (experts.device_table) return experts.device_table;
  const std::vector<std::byte> list = expert_table(experts, stream);
  void* table = stream.scratch(3, static_cast<int64_t>(list.size()));
  runtime::copy(table, list.data(), static_cast<int64_t>(list.size()), stream.queue);
  runtime::wait(stream.queue);
  return table;
}

// Kernels read all matrices of an expert in one format.
void check_one_format(const ops::ExpertTable& experts) {
  if (experts.gate[0].dtype == experts.down[0].dtype) return;
  throw Error("unsupported_format",
              "Expected gate, up and down of all experts in one number format on a GPU, but they "
              "differ. Ask for weights: 'bf16' or 'int8'.");
}

}  // namespace

void moe_experts(Tensor y, Tensor x, Tensor expert_ids, Tensor weights,
                 const ops::ExpertTable& experts, CudaStream& stream) {
  check_one_format(experts);
  const void* table = table_of(experts, stream);
  const MoeProblem p{y.f32(),
                     x.f32(),
                     expert_ids.i32(),
                     weights.f32(),
                     static_cast<const ExpertPointers*>(table),
                     maps_of(table, experts, stream),
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

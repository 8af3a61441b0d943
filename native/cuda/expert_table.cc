#include "cuda/expert_table.h"

#include <cstring>

namespace conclave::cuda {

namespace {

constexpr int64_t kAlign = 16, kMapAlign = alignof(TensorMap);

bool has_maps(const ops::ExpertTable& experts, const CudaStream& stream) {
  const DType dtype = experts.gate[0].dtype;
  return stream.is_hopper && !stream.deterministic &&
         (dtype == DType::bf16 || dtype == DType::i8) && takes_fragments(experts);
}

int64_t maps_offset(const ops::ExpertTable& experts) {
  const auto bytes = static_cast<int64_t>(experts.gate.size() * sizeof(ExpertPointers));
  return (bytes + kMapAlign - 1) / kMapAlign * kMapAlign;
}

TensorMap map_of(const Weight& w) {
  return make_tensor_map(w.data, static_cast<int>(dtype_bytes(w.dtype)), w.rows, w.cols, kMapRows);
}

}  // namespace

bool takes_fragments(const ops::ExpertTable& experts) {
  for (const auto* list : {&experts.gate, &experts.up, &experts.down}) {
    for (const Weight& w : *list) {
      if (w.cols % kAlign != 0 || reinterpret_cast<uintptr_t>(w.data) % kAlign != 0) return false;
    }
  }
  return true;
}

std::vector<std::byte> expert_table(const ops::ExpertTable& experts, const CudaStream& stream) {
  const bool with_maps = has_maps(experts, stream);
  const size_t count = experts.gate.size(), first_map = static_cast<size_t>(maps_offset(experts));
  std::vector<std::byte> table(first_map + (with_maps ? count * sizeof(ExpertMaps) : 0));
  for (size_t e = 0; e < count; e++) {
    const Weight &gate = experts.gate[e], &up = experts.up[e], &down = experts.down[e];
    const ExpertPointers pointers{gate.data,   up.data,   down.data,
                                  gate.scales, up.scales, down.scales};
    std::memcpy(table.data() + e * sizeof(pointers), &pointers, sizeof(pointers));
    if (!with_maps) continue;
    const ExpertMaps maps{map_of(gate), map_of(up), map_of(down)};
    std::memcpy(table.data() + first_map + e * sizeof(maps), &maps, sizeof(maps));
  }
  return table;
}

const ExpertMaps* maps_of(const void* table, const ops::ExpertTable& experts,
                          const CudaStream& stream) {
  if (!has_maps(experts, stream)) return nullptr;
  return reinterpret_cast<const ExpertMaps*>(static_cast<const char*>(table) +
                                             maps_offset(experts));
}

}  // namespace conclave::cuda

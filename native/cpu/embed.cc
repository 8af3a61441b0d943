#include <algorithm>
#include <cstring>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/weight_format.h"

namespace conclave::cpu {

void embed(Tensor y, Tensor token_ids, Tensor sampled, const Weight& w, CpuStream& stream) {
  const int64_t num_tokens = token_ids.shape[0], width = w.cols;
  for_each_range(stream.pool, num_tokens, 16, num_tokens * width / 4,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t t = begin; t < end; t++) {
                     int64_t id = token_ids.i32()[t];
                     if (id < 0) id = std::max(0, sampled.i32()[-1 - id]);
                     float* row = y.f32() + t * width;
                     if (w.dtype == DType::i8) {
                       unpack_row(row, static_cast<const std::byte*>(w.data), w.scales, id, width);
                     } else {
                       stream.kernels.to_f32[weight_format(w)](row, weight_row(w, id), width);
                     }
                   }
                 });
}

}  // namespace conclave::cpu

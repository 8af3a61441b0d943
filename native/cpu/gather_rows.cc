#include <cstring>

#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace conclave::cpu {

void gather_rows(Tensor y, Tensor x, Tensor rows, CpuStream& stream) {
  const int64_t num_rows = rows.shape[0], width = x.shape[1];
  for_each_range(stream.pool, num_rows, 16, num_rows * width / 4, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      std::memcpy(y.f32() + r * width, x.f32() + rows.i32()[r] * width,
                  static_cast<size_t>(width) * sizeof(float));
    }
  });
}

}  // namespace conclave::cpu

// Plain conversions between the weight dtypes and f32.
#include "core/dtype.h"
#include "cpu/plain.h"
#include "cpu/plain_load.h"

namespace conclave::cpu::plain {

template <WeightFormat F>
void to_f32(float* y, const void* w, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = load<F>(w, i);
}

template void to_f32<kWeightF32>(float*, const void*, int64_t);
template void to_f32<kWeightF16>(float*, const void*, int64_t);
template void to_f32<kWeightBf16>(float*, const void*, int64_t);

}  // namespace conclave::cpu::plain

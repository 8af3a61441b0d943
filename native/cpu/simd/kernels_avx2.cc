// Each of these builds on the ones before it.
// clang-format off
#include "cpu/simd/simd_kernels.h"
#include "cpu/simd/vec_avx2.h"
#include "cpu/simd/lanes.h"
#include "cpu/simd/row_kernels.h"
#include "cpu/simd/dot_kernels.h"
#include "cpu/simd/panel_kernels.h"
#include "cpu/simd/attention_kernels.h"
#include "cpu/simd/scale_kernels.h"
#include "cpu/simd/probes.h"
#include "cpu/simd/kernel_table.h"
// clang-format on

namespace conclave::cpu {

constinit const Kernels kAvx2Kernels = table_of({
    "avx2",
    {Activations::f32, nullptr, dot_rows<WideDot<kWeightBf16>>},
    {Activations::int16, quantise<WordProducts>, dot_panels<WordProducts>},
    attention_kernel<WideBf16Pages, WideBf16Pages>(),
    probe_flops<F32Product>,
    probe_flops<WordProduct>,
});

}  // namespace conclave::cpu

// Each of these builds on the ones before it.
// clang-format off
#include "cpu/simd/simd_kernels.h"
#include "cpu/simd/vec_avx512.h"
#include "cpu/simd/lanes.h"
#include "cpu/simd/row_kernels.h"
#include "cpu/simd/dot_kernels.h"
#include "cpu/simd/panel_kernels.h"
#include "cpu/simd/vnni_kernels.h"
#include "cpu/simd/attention_kernels.h"
#include "cpu/simd/scale_kernels.h"
#include "cpu/simd/probes.h"
#include "cpu/simd/bf16_kernels.h"
#include "cpu/simd/kernel_table.h"
// clang-format on

namespace conclave::cpu {

constinit const Kernels kAvx512Bf16Kernels = table_of({
    "avx512_bf16",
    {Activations::bf16, to_bf16, dot_rows<Bf16Dot>},
    {Activations::int16, quantise<SplitProducts>, dot_panels<SplitProducts>},
    attention_kernel<SplitBf16Pages, Bf16Pages>(),
    probe_flops<Bf16Product>,
    probe_flops<ByteProduct>,
});

}  // namespace conclave::cpu

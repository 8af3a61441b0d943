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
// clang-format on

namespace conclave::cpu {

const Kernels kAvx2Kernels = {
    "avx2",
    {{Activations::f32, nullptr, dot_rows<WideDot<kWeightF32>>},
     {Activations::f32, nullptr, dot_rows<WideDot<kWeightF16>>},
     {Activations::f32, nullptr, dot_rows<WideDot<kWeightBf16>>},
     {Activations::int16, quantise<WordProducts, kWordLevels>, dot_panels<WordProducts>},
     {Activations::int16, quantise<WordProducts, kByteLevels>, dot_panels<WordProducts>}},
    {attention_span<F32Pages, F32Pages>, attention_span<WideBf16Pages, WideBf16Pages>,
     attention_span<WideI8Pages, WideI8Pages>},
    {to_f32<kWeightF32>, to_f32<kWeightF16>, to_f32<kWeightBf16>},
    rms_norm,
    add,
    silu_mul,
    rope,
    exp_minus,
    weighted_sum,
    try_scales,
    probe_read,
    {probe_flops<F32Product>, probe_flops<F32Product>, probe_flops<WordProduct>},
};

}  // namespace conclave::cpu

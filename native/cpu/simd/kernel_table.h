#pragma once
// The table of a kernel set. What differs between sets is named; the rest is what the headers
// before this one made for the instruction set of the file that includes it. Included last.
#include "cpu/kernels.h"

namespace conclave::cpu {
namespace {

using FlopsProbe = int64_t (*)(float* sink, int64_t rounds);

struct SetParts {
  const char* name;
  MatmulKernel bf16, int8;
  AttentionKernel bf16_pages;
  FlopsProbe bf16_flops, int8_flops;
};

constexpr Kernels table_of(const SetParts& set) {
  return {
      set.name,
      {{Activations::f32, nullptr, dot_rows<WideDot<kWeightF32>>},
       {Activations::f32, nullptr, dot_rows<WideDot<kWeightF16>>},
       set.bf16,
       set.int8},
      {attention_kernel<F32Pages, F32Pages>(), set.bf16_pages,
       attention_kernel<WideI8Pages, WideI8Pages>()},
      attention_merge,
      {to_f32<kWeightF32>, to_f32<kWeightF16>, to_f32<kWeightBf16>},
      rms_norm,
      add,
      silu_mul,
      rope,
      exp_minus,
      largest,
      add_weighted,
      block_maxima,
      try_scales,
      probe_read,
      {probe_flops<F32Product>, set.bf16_flops, set.int8_flops},
  };
}

}  // namespace
}  // namespace conclave::cpu

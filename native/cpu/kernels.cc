#include "cpu/kernels.h"

#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "cpu/plain.h"
#include "cpu/simd/simd_kernels.h"
#include "quant/int8_groups.h"

namespace conclave::cpu {

namespace {

constexpr Kernels kPlain = {
    "plain",
    {{Activations::f32, nullptr, plain::dot_rows<kWeightF32>},
     {Activations::f32, nullptr, plain::dot_rows<kWeightF16>},
     {Activations::f32, nullptr, plain::dot_rows<kWeightBf16>},
     {Activations::int16, plain::quantise, plain::dot_panels}},
    {{plain::convert_query, plain::attention_span<kKvF32>},
     {plain::convert_query, plain::attention_span<kKvBf16>},
     {plain::convert_query, plain::attention_span<kKvI8>}},
    plain::attention_merge,
    {plain::to_f32<kWeightF32>, plain::to_f32<kWeightF16>, plain::to_f32<kWeightBf16>},
    plain::rms_norm,
    plain::add,
    plain::silu_mul,
    plain::rope,
    plain::exp_minus,
    plain::largest,
    plain::add_weighted,
    plain::block_maxima,
    quant::try_scales,
    plain::probe_read,
    {plain::probe_flops, plain::probe_flops, plain::probe_flops},
};

constexpr const char* kNames[] = {"amx", "avx512_bf16", "avx512", "avx2", "plain"};  // widest first

}  // namespace

const Kernels* find_kernels(const char* name) {
  return std::strcmp(name, "plain") == 0 ? &kPlain : find_simd_kernels(name);
}

const Kernels& select_kernels() {
  if (const char* forced = std::getenv("CONCLAVE_KERNELS"); forced && *forced) {
    if (const Kernels* kernels = find_kernels(forced)) return *kernels;
    throw Error(
        "invalid_request",
        std::string(
            "Expected CONCLAVE_KERNELS to be plain, avx2, avx512, avx512_bf16 or amx as this "
            "processor and its system allow, but it is ") +
            forced + ". Unset it to let the processor decide.");
  }
  for (const char* name : kNames) {
    if (const Kernels* kernels = find_kernels(name)) return *kernels;
  }
  return kPlain;
}

}  // namespace conclave::cpu

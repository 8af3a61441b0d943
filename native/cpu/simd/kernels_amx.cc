// The set of kernels_avx512_bf16.cc with matrix products on AMX tiles.
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
#include "cpu/simd/tile_kernels.h"
#include "cpu/simd/bf16_tiles.h"
#include "cpu/simd/attention_tiles.h"
#include "cpu/simd/kernel_table.h"
// clang-format on

namespace conclave::cpu {

const Kernels* amx_kernels() {
  static constexpr Kernels kKernels = table_of({
      "amx",
      {Activations::bf16, to_bf16, dot_bf16_on_tiles, {1, sizeof(Pairs), pack_pairs}},
      {Activations::int16,
       quantise<SplitProducts>,
       dot_panels_on_tiles,
       {kMinTileTokens, sizeof(TokenGroup), pack_groups}},
      {split_query, attend_on_tiles, enter_tiles, leave_tiles},
      probe_tiles<Bf16Tiles>,
      probe_tiles<ByteTiles>,
  });
  return &kKernels;
}

}  // namespace conclave::cpu

// Matrix instructions: the documented fragment layouts, lane by lane. g = lane / 4, t = lane % 4.
#include "cuda/device/hw.h"

namespace conclave::hw {

namespace {

constexpr int kLanes = 32, kRows = 16, kDepth = 16, kColumns = 8;

MmaOperands& operands_of(void** operands, int lane) {
  return *static_cast<MmaOperands*>(operands[lane]);
}

float half_of(uint32_t pair, int i) { return i ? bf16_hi(pair) : bf16_lo(pair); }

// Register r of A holds row g + 8·(r % 2) and the second half of k where r ≥ 2.
void decode(float (&a)[kRows][kDepth], float (&b)[kDepth][kColumns], void** operands) {
  for (int lane = 0; lane < kLanes; lane++) {
    const MmaOperands& o = operands_of(operands, lane);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 2; i++) {
      for (int r = 0; r < 4; r++) a[g + 8 * (r % 2)][r / 2 * 8 + t * 2 + i] = half_of(o.a[r], i);
      for (int r = 0; r < 2; r++) b[r * 8 + t * 2 + i][g] = half_of(o.b[r], i);
    }
  }
}

}  // namespace

void mma_bf16_meeting(void** operands, int lanes) {
  if (lanes != kLanes) block().fail("a matrix instruction in a warp of fewer lanes", {});
  float a[kRows][kDepth], b[kDepth][kColumns];
  decode(a, b, operands);
  for (int row = 0; row < kRows; row++) {
    float sums[kColumns];
    const auto sum_of = [&](int n) -> float& {
      return operands_of(operands, row % 8 * 4 + n / 2).c[row / 8 * 2 + n % 2];
    };
    for (int n = 0; n < kColumns; n++) sums[n] = sum_of(n);
    for (int k = 0; k < kDepth; k++) {
      for (int n = 0; n < kColumns; n++) sums[n] += a[row][k] * b[k][n];
    }
    for (int n = 0; n < kColumns; n++) sum_of(n) = sums[n];
  }
}

}  // namespace conclave::hw

// Matrix instructions: the documented fragment layouts, lane by lane. g = lane / 4, t = lane % 4.
#include "cuda/device/hw.h"

namespace conclave::hw {

namespace {

constexpr int kLanes = 32;

MmaOperands& operands_of(void** operands, int lane) {
  return *static_cast<MmaOperands*>(operands[lane]);
}

// Register r of A holds row g + 8·(r % 2) and the second half of k where r ≥ 2.
template <class T, int kDepth, class Unpack>
void decode(T (&a)[16][kDepth], T (&b)[kDepth][8], void** operands, Unpack unpack) {
  constexpr int kPerRegister = kDepth / 8;
  for (int lane = 0; lane < kLanes; lane++) {
    const MmaOperands& o = operands_of(operands, lane);
    const int g = lane / 4, t = lane % 4;
    for (int r = 0; r < 4; r++) {
      for (int i = 0; i < kPerRegister; i++)
        a[g + 8 * (r % 2)][r / 2 * (kDepth / 2) + t * kPerRegister + i] = unpack(o.a[r], i);
    }
    for (int r = 0; r < 2; r++) {
      for (int i = 0; i < kPerRegister; i++)
        b[r * (kDepth / 2) + t * kPerRegister + i][g] = unpack(o.b[r], i);
    }
  }
}

template <class T, class Sum, int kDepth>
void multiply(const T (&a)[16][kDepth], const T (&b)[kDepth][8], void** operands) {
  for (int row = 0; row < 16; row++) {
    Sum sums[8];
    for (int n = 0; n < 8; n++)
      sums[n] =
          static_cast<Sum*>(operands_of(operands, row % 8 * 4 + n / 2).c)[row / 8 * 2 + n % 2];
    for (int k = 0; k < kDepth; k++) {
      for (int n = 0; n < 8; n++)
        sums[n] += static_cast<Sum>(a[row][k]) * static_cast<Sum>(b[k][n]);
    }
    for (int n = 0; n < 8; n++)
      static_cast<Sum*>(operands_of(operands, row % 8 * 4 + n / 2).c)[row / 8 * 2 + n % 2] =
          sums[n];
  }
}

void check_full(int lanes) {
  if (lanes != kLanes) block().fail("a matrix instruction in a warp of fewer lanes", {});
}

uint16_t element(const char* row, int i) {
  uint16_t v;
  std::memcpy(&v, row + 2 * i, 2);
  return v;
}

template <bool kTransposed>
void ldmatrix(void** operands, int lanes) {
  check_full(lanes);
  auto row = [&](int matrix, int r) {
    return static_cast<LdmatrixOperands*>(operands[matrix * 8 + r])->row;
  };
  for (int lane = 0; lane < kLanes; lane++) {
    const int g = lane / 4, t = lane % 4;
    for (int m = 0; m < 4; m++) {
      const uint32_t lo = kTransposed ? element(row(m, 2 * t), g) : element(row(m, g), 2 * t);
      const uint32_t hi =
          kTransposed ? element(row(m, 2 * t + 1), g) : element(row(m, g), 2 * t + 1);
      static_cast<LdmatrixOperands*>(operands[lane])->r[m] = lo | hi << 16;
    }
  }
}

}  // namespace

void mma_bf16_meeting(void** operands, int lanes) {
  check_full(lanes);
  float a[16][16], b[16][8];
  decode(a, b, operands, [](uint32_t r, int i) { return i ? bf16_hi(r) : bf16_lo(r); });
  multiply<float, float>(a, b, operands);
}

void mma_s8_meeting(void** operands, int lanes) {
  check_full(lanes);
  int8_t a[16][32], b[32][8];
  decode(a, b, operands, [](uint32_t r, int i) { return static_cast<int8_t>(r >> (8 * i)); });
  multiply<int8_t, int32_t>(a, b, operands);
}

void ldmatrix_meeting(void** operands, int lanes) { ldmatrix<false>(operands, lanes); }
void ldmatrix_trans_meeting(void** operands, int lanes) { ldmatrix<true>(operands, lanes); }

}  // namespace conclave::hw

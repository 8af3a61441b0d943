#pragma once
// Angles of a token, and the turn of a pair by one of them.
#include "cuda/device/hw.h"

namespace conclave::cuda {

// cosines and sines (half), times `scale`, by threads first, first + step, …: position · inv_freq
// is reduced to a part of a turn in f64, so that sin and cos see a small number at any position.
__device__ __forceinline__ void rotary_angles(float* cosines, float* sines, int position,
                                              const float* inv_freq, int half, float scale,
                                              int first, int step) {
  constexpr double kPerTurn = 0.15915494309189533577;  // 1 / 2π
  for (int i = first; i < half; i += step) {
    const double turns = position * (static_cast<double>(inv_freq[i]) * kPerTurn);
    float s, c;
    hw::sin_cos_pi(&s, &c, static_cast<float>(2.0 * (turns - rint(turns))));
    cosines[i] = c * scale;
    sines[i] = s * scale;
  }
}

__device__ __forceinline__ void turn_pair(float& low, float& high, float a, float b, float cosine,
                                          float sine) {
  low = a * cosine - b * sine;
  high = b * cosine + a * sine;
}

}  // namespace conclave::cuda

#pragma once
// What lies in the memory of a device that does not read the host's: weights, tables of rotary
// frequencies, tables of experts.
#include <vector>

#include "core/device.h"
#include "executor/bind.h"
#include "ops/moe_experts.h"

namespace conclave::executor {

class Placed {
 public:
  // Takes `bytes` at once, where the weights will lie; what comes behind them is little.
  Placed(Device& device, int64_t bytes);

  // Weight `id` of `bound`, which is all that `bound` owns; its host memory is given back.
  void place(BoundWeights& bound, size_t id);
  // Sets experts.device_table.
  void place(ops::ExpertTable& experts);
  // `bytes` of host memory, in the device's from now on.
  std::byte* put(const void* from, int64_t bytes);

 private:
  std::byte* take(int64_t bytes);
  Device& device_;
  std::vector<DeviceBytes> chunks_;
  int64_t used_ = 0;  // of the last chunk
};

}  // namespace conclave::executor

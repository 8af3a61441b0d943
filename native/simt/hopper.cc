// What a warpgroup does where its threads meet.
#include "cuda/device/hopper.h"

namespace conclave::hw {

void wgmma_fence_meeting(void**, int) { block().warpgroup().fence(); }

void wgmma_commit_meeting(void**, int) { block().warpgroup().commit(); }

void wgmma_wait_meeting(void** operands, int) {
  block().warpgroup().wait(block(), *static_cast<int*>(operands[0]));
}

void wgmma_meeting(void** operands, int lanes) {
  simt::WarpgroupProduct product = {};
  for (int i = 0; i < lanes; i++) {
    const auto& o = *static_cast<WgmmaOperands*>(operands[i]);
    const auto& first = *static_cast<WgmmaOperands*>(operands[0]);
    if (o.a != first.a || o.b != first.b)
      block().fail("threads of a warpgroup with different descriptors", *o.site);
    product.sums[static_cast<size_t>(i)] = o.sums;
    product.registers[static_cast<size_t>(i)] = o.registers;
    product.columns = o.columns;
    product.a = o.a;
    product.b = o.b;
    product.from_zero = o.from_zero;
  }
  block().warpgroup().multiply(block(), product, *static_cast<WgmmaOperands*>(operands[0])->site);
}

}  // namespace conclave::hw

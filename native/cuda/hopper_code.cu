#include "cuda/hopper_code.h"

#include "cuda/device/hopper.h"

namespace conclave::cuda {

namespace {

__global__ void hopper_code_kernel(int* answer) { *answer = hw::is_hopper_code() ? 1 : 0; }

}  // namespace

bool has_hopper_code(const runtime::Card& card, void* queue) {
  auto* answer = static_cast<int*>(runtime::allocate(sizeof(int)));
  int is_there = 0;
  try {
    hw::launch("hopper_code", hopper_code_kernel, {1}, 1, 0, queue, answer);
    runtime::copy(&is_there, answer, sizeof(int), queue);
    runtime::wait(queue);
  } catch (...) {
    runtime::free(answer);
    throw;
  }
  runtime::free(answer);
  return is_there == 1 && card.compute_capability / 10 == 9;
}

}  // namespace conclave::cuda

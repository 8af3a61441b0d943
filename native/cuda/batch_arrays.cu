#include "cuda/batch_arrays.h"

#include "cuda/runtime.h"

namespace conclave::cuda {

DeviceBatch arrays_of(const BatchView& batch, CudaStream& stream) {
  DeviceBatch arrays{
      batch.num_tokens, batch.num_sequences, batch.max_pages, nullptr, nullptr, nullptr, nullptr};
  const int64_t counts[] = {batch.num_tokens, batch.num_sequences + 1, batch.num_sequences,
                            int64_t{batch.num_sequences} * batch.max_pages};
  const int32_t* host[] = {batch.positions, batch.query_starts, batch.kv_lengths,
                           batch.page_tables};
  const int32_t** device[] = {&arrays.positions, &arrays.query_starts, &arrays.kv_lengths,
                              &arrays.page_tables};
  int64_t total = 0;
  for (int64_t n : counts) total += n;
  const int32_t* next = batch.device_arrays;
  int32_t* scratch = nullptr;
  if (next == nullptr) {
    scratch = static_cast<int32_t*>(stream.scratch(3, total * 4));
    next = scratch;
  }
  for (int i = 0; i < 4; i++) {
    *device[i] = next;
    if (scratch != nullptr)
      runtime::copy(scratch + (next - scratch), host[i], counts[i] * 4, stream.queue);
    next += counts[i];
  }
  return arrays;
}

}  // namespace conclave::cuda

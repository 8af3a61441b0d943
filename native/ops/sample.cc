#include "ops/sample.h"

#include <string>

#include "core/error.h"

namespace conclave::cpu {
void sample(std::vector<ops::SampleResult>& results, Tensor logits,
            const std::vector<ops::SamplerState*>& states, Stream& stream);
}

namespace conclave::ops {

void sample(std::vector<SampleResult>& results, Tensor logits,
            const std::vector<SamplerState*>& states, Stream& stream) {
  if (logits.shape.rank != 2 || logits.dtype != DType::f32 ||
      logits.shape[0] != static_cast<int64_t>(states.size()) || logits.shape[1] < 1)
    throw Error("engine_failed",
                "sample: expected f32 logits (num_rows, vocab_size) with one sampler a "
                "row, but got " +
                    std::to_string(states.size()) + " samplers for " +
                    std::to_string(logits.shape[0]) + " rows.");
  results.assign(states.size(), SampleResult{});
  switch (stream.kind) {
    case DeviceKind::cpu: return cpu::sample(results, logits, states, stream);
    case DeviceKind::cuda:
      throw Error("gpu_unavailable", "sample: this build has no CUDA kernels.");
  }
}

}  // namespace conclave::ops

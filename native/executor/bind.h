#pragma once
// Weights of the graph → matrices that kernels read: views into the mapped files wherever dtype and
// layout allow it, otherwise one copy, converted in parallel, with the file's pages given back as
// it goes.
#include <functional>
#include <memory>
#include <vector>

#include "core/tensor.h"
#include "cpu/aligned_bytes.h"
#include "cpu/thread_pool.h"
#include "executor/graph.h"
#include "io/weight_store.h"

namespace conclave::executor {

enum class WeightPolicy { as_stored, f32, bf16, int8 };

// Called now and then while binding; throws Error("aborted", …) to stop it.
using Progress = std::function<void(int64_t done_bytes, int64_t total_bytes)>;

struct BoundWeights {
  std::vector<Weight> matrices;  // (weights) filled for matrices
  std::vector<Tensor> vectors;   // (weights) filled for vectors, f32
  std::vector<cpu::AlignedBytes> owned;
  int64_t used = 0;            // of the last block of `owned`
  int64_t resident_bytes = 0;  // all weights as kernels read them, mapped or owned

  // `bytes` of zeroed memory on 64 bytes, from the last block where it has room, else from a new
  // one.
  std::byte* own(int64_t bytes);
};

// Called for each weight once it is bound, where it shall lie elsewhere than in host memory.
using Place = std::function<void(BoundWeights& bound, size_t id)>;

// A piece of a weight in the memory of a device that does not read the host's, and all of them.
constexpr int64_t placed_align(int64_t bytes) { return (bytes + 255) / 256 * 256; }
int64_t placed_bytes(const Graph& graph, const io::WeightStore& store, WeightPolicy policy);

BoundWeights bind_weights(const Graph& graph, const io::WeightStore& store, WeightPolicy policy,
                          bool validate, cpu::ThreadPool& pool, const Progress& progress,
                          const Place& place);

}  // namespace conclave::executor

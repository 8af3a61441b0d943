// Tensor maps of the driver. It is asked for its function at run time, so that the addon needs no
// libcuda to load.
#include "cuda/tensor_map.h"

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include <cstring>
#include <string>

#include "core/error.h"
#include "cuda/runtime.h"

namespace conclave::cuda {

namespace {

constexpr unsigned kSince = 12000;  // the CUDA version whose cuTensorMapEncodeTiled is meant

PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  static const auto found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    runtime::check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, kSince,
                                                    cudaEnableDefault, &result),
                   "cudaGetDriverEntryPointByVersion");
    if (result != cudaDriverEntryPointSuccess || function == nullptr)
      throw Error("gpu_unavailable",
                  "Expected an NVIDIA driver that knows cuTensorMapEncodeTiled, but it does not. "
                  "Install a newer driver.");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
  }();
  return found;
}

}  // namespace

TensorMap make_tensor_map(const void* data, int value_bytes, int64_t rows, int64_t cols,
                          int box_rows, int box_row_bytes) {
  CUtensorMap map;
  const auto width = static_cast<cuuint64_t>(cols), height = static_cast<cuuint64_t>(rows);
  const cuuint64_t sizes[] = {width, height};
  const cuuint64_t strides[] = {width * static_cast<cuuint64_t>(value_bytes)};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(box_row_bytes / value_bytes),
                            static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[] = {1, 1};
  const CUresult status = encoder()(
      &map, value_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2,
      const_cast<void*>(data), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      box_row_bytes == kBoxRowBytes ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_32B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    throw Error("engine_failed", "The driver refuses a tensor map of " + std::to_string(rows) +
                                     " × " + std::to_string(cols) + " values: status " +
                                     std::to_string(status) + ".");
  TensorMap made;
  static_assert(sizeof(made) == sizeof(map) && alignof(TensorMap) >= alignof(CUtensorMap));
  std::memcpy(&made, &map, sizeof(made));
  return made;
}

}  // namespace conclave::cuda

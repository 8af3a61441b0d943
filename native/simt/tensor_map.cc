#include "simt/tensor_map.h"

#include <cstring>
#include <string>

#include "core/error.h"
#include "simt/driver.h"

namespace conclave {

namespace {
constexpr uint64_t kMagic = 0x70616d5f726f736e;
constexpr int kMaxBox = 256;
}  // namespace

const simt::MatrixMap* simt::matrix_map(const cuda::TensorMap& map) {
  const auto* fields = reinterpret_cast<const MatrixMap*>(&map);
  return reinterpret_cast<uintptr_t>(&map) % alignof(cuda::TensorMap) == 0 &&
                 fields->magic == kMagic
             ? fields
             : nullptr;
}

// Refuses what the driver refuses.
cuda::TensorMap cuda::make_tensor_map(const void* data, int value_bytes, int64_t rows, int64_t cols,
                                      int box_rows, int box_row_bytes) {
  if (reinterpret_cast<uintptr_t>(data) % 16 != 0 || cols * value_bytes % 16 != 0 || rows < 1 ||
      cols < 1 || box_rows < 1 || box_rows > kMaxBox || (value_bytes != 1 && value_bytes != 2) ||
      (box_row_bytes != 128 && box_row_bytes != 32))
    throw Error("engine_failed", "The harness refuses a tensor map of " + std::to_string(rows) +
                                     " × " + std::to_string(cols) + " values.");
  simt::driver().num_tensor_maps++;
  const simt::MatrixMap fields{
      static_cast<const char*>(data), rows, cols, value_bytes, box_rows, box_row_bytes, kMagic};
  TensorMap map = {};
  static_assert(sizeof(fields) <= sizeof(map));
  std::memcpy(&map, &fields, sizeof(fields));
  return map;
}

}  // namespace conclave

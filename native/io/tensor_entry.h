#pragma once
// What the header of a weight file says about one tensor, whatever the format of the file.
#include <cstdint>
#include <span>
#include <string_view>

#include "core/dtype.h"
#include "core/tensor.h"

namespace conclave::io {

struct TensorEntry {
  std::string_view name;          // at most 1 KiB; any characters
  std::span<const int64_t> dims;  // rank 0…8, outermost first; both point into the owning header
  uint64_t begin = 0;             // bytes from the start of the file
  uint64_t end = 0;
  DType dtype = DType::f32;
  bool aligned = true;  // false: begin is no multiple of the element size, so copy before use

  uint64_t bytes() const { return end - begin; }
  // `unsupported_model` above four dimensions.
  Shape shape() const;
};

}  // namespace conclave::io

#pragma once
// A view of memory with a dtype and up to four dimensions, row-major and dense. It never owns.
#include <array>
#include <cstdint>
#include <initializer_list>

#include "core/dtype.h"

namespace conclave {

struct Shape {
  int rank = 0;
  std::array<int64_t, 4> dims{};

  Shape() = default;
  Shape(std::initializer_list<int64_t> list) {
    for (int64_t d : list) dims[static_cast<size_t>(rank++)] = d;
  }
  int64_t operator[](int i) const { return dims[static_cast<size_t>(i)]; }
  int64_t elements() const {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= dims[static_cast<size_t>(i)];
    return n;
  }
  bool operator==(const Shape&) const = default;
};

struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;

  float* f32() const { return static_cast<float*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
  uint16_t* u16() const { return static_cast<uint16_t*>(data); }
  explicit operator bool() const { return data != nullptr; }
};

// A weight matrix (rows = out features, cols = in features) as its kernel reads it: y = x · Wᵀ.
// Row-major in the file's dtype, but i8 lies in panels (cpu/panels.h).
struct Weight {
  const void* data = nullptr;
  DType dtype = DType::f32;  // f32 | f16 | bf16 | i8
  int64_t rows = 0;
  int64_t cols = 0;
  // i8 in panels: (rows), beside the scales there. On other devices i8 is row-major and these are
  // (rows, ceil(cols / 32)), W[r,c] = q[r,c] · scales[r, c / 32].
  const float* scales = nullptr;
};

}  // namespace conclave

#pragma once
// Shapes checked by name, once, before dispatch: dimensions bind on first use and must agree
// afterwards.
//   Dim T("num_tokens"), H("hidden_size");
//   match("rms_norm", "x", x, {T, H}); match("rms_norm", "w", w, {H});
//   → invalid_config: rms_norm: w has hidden_size 2048, but 4096 was bound before
#include <functional>
#include <initializer_list>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace conclave {

struct Dim {
  const char* name;
  int64_t value = -1;  // -1: not bound yet
  explicit Dim(const char* n) : name(n) {}
  Dim(const char* n, int64_t v) : name(n), value(v) {}
};

inline void bind(const char* op, const char* tensor, Dim& dim, int64_t value) {
  if (dim.value < 0) dim.value = value;
  if (dim.value == value) return;
  throw Error("invalid_config", std::string(op) + ": " + tensor + " has " + dim.name + " " +
                                    std::to_string(value) + ", but " + std::to_string(dim.value) +
                                    " was bound before");
}

inline void match(const char* op, const char* name, const Tensor& t,
                  std::initializer_list<std::reference_wrapper<Dim>> dims) {
  if (t.shape.rank != static_cast<int>(dims.size())) {
    throw Error("invalid_config", std::string(op) + ": " + name + " has rank " +
                                      std::to_string(t.shape.rank) + ", expected " +
                                      std::to_string(dims.size()));
  }
  int i = 0;
  for (Dim& dim : dims) bind(op, name, dim, t.shape[i++]);
}

inline void match_dtype(const char* op, const char* name, const Tensor& t, DType expected) {
  if (t.dtype == expected) return;
  throw Error("invalid_config", std::string(op) + ": " + name + " is " + dtype_name(t.dtype) +
                                    ", expected " + dtype_name(expected));
}

}  // namespace conclave

#pragma once
// One weight as the mapped files hold it, in any format and layout, read row by row as f32.
#include "executor/graph.h"
#include "io/weight_store.h"

namespace conclave::executor {

class WeightSource {
 public:
  // `unsupported_format` for a number format that holds no weights; `invalid_file` where the tensor
  // is smaller than the weight. Both arguments outlive the source.
  WeightSource(const WeightRef& ref, const io::WeightStore& store);

  const WeightRef& ref() const { return ref_; }
  DType dtype() const { return tensor_.entry->dtype; }
  // True for int8 whose scales change along a row no more often than those of the int8 kernels.
  bool is_int8_by_group() const;
  // `invalid_file` where a scale is not above zero and finite.
  void check_scales() const;
  // Scale of one element of is_int8_by_group().
  float scale_at(int64_t row, int64_t col) const {
    return scale(row * scale_cols() + col / ref_.scales.block_cols);
  }

  // y (cols).
  void read_row(float* y, int64_t row) const;
  // True where a row of q8_0 was read as it is stored, a scale for each 32 columns: every scale is
  // above zero and finite, and `scales` holds one for each block.
  bool read_q8_0_row(int8_t* q, float* scales, int64_t row) const;
  // The blocks of a row of q8_0, where they lie back to back; else null.
  const std::byte* q8_0_row(int64_t row) const;
  // The bytes of a row, where its elements lie back to back in a format of single elements; else
  // null.
  const std::byte* stored_row(int64_t row) const;
  // All rows as one matrix in place, aligned for its elements; else null.
  const std::byte* in_place() const;
  // Gives the file's pages of rows [begin, end) back: they have been copied. Read again, they come
  // again.
  void release(int64_t begin, int64_t end) const;

 private:
  // Where row lies, as an element of the tensor.
  int64_t first_element(int64_t row) const;
  const std::byte* at(int64_t element) const;
  float element(int64_t index) const;
  float scale(int64_t index) const;
  // Scales to a row of blocks, and all of them.
  int64_t scale_cols() const;
  int64_t num_scales() const;
  void scale_row(float* y, int64_t row) const;
  void check_size() const;
  void check_scale_size() const;

  const WeightRef& ref_;
  io::StoredTensor tensor_;
  const std::byte* data_;
  DTypeBlock block_;
  io::StoredTensor scales_;  // empty without scales
};

}  // namespace conclave::executor

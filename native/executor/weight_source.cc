#include "executor/weight_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/panels.h"
#include "quant/dequantise.h"
#include "quant/load_bytes.h"

namespace conclave::executor {
namespace {

// Where line i (a row of a matrix, an element of a vector) of a head lies: the file has both of a
// rotated pair side by side, the rotate-half kernel has them half a head apart.
int64_t interleaved(int64_t i, int64_t head_dim) {
  const int64_t head = i / head_dim, within = i % head_dim, half = head_dim / 2;
  return head * head_dim + within % half * 2 + within / half;
}

}  // namespace

WeightSource::WeightSource(const WeightRef& ref, const io::WeightStore& store)
    : ref_(ref),
      tensor_(store.at(ref.tensor)),
      data_(tensor_.data()),
      block_(dtype_block(dtype())) {
  const bool needs_scales = dtype() == DType::i8 || dtype() == DType::f8_e4m3;
  if (!quant::can_dequantise(dtype()) || needs_scales != static_cast<bool>(ref.scales)) {
    throw Error("unsupported_format", "Expected weights in \"" + ref.tensor +
                                          "\", but the file holds " + dtype_name(dtype()) +
                                          (needs_scales ? " without scales." : "."));
  }
  check_size();
  if (!ref.scales) return;
  scales_ = store.at(ref.scales.tensor);
  check_scale_size();
}

void WeightSource::check_size() const {
  const int64_t elements =
      static_cast<int64_t>(tensor_.entry->bytes()) / block_.bytes * block_.elements;
  // parse_graph bounds every factor below 2^40, so the last index does not wrap.
  const int64_t last =
      ref_.offset + (ref_.rows - 1) * ref_.row_stride + (ref_.cols - 1) * ref_.col_stride;
  if (last >= elements) {
    throw Error("invalid_file", "Expected at least " + std::to_string(last + 1) +
                                    " elements in \"" + ref_.tensor + "\", but it has " +
                                    std::to_string(elements) + ".");
  }
  const bool whole = ref_.col_stride == 1 && ref_.cols % block_.elements == 0 &&
                     ref_.offset % block_.elements == 0 && ref_.row_stride % block_.elements == 0;
  if (block_.elements == 1 || whole) return;
  throw Error("unsupported_format", "Expected rows of whole blocks in \"" + ref_.tensor +
                                        "\", but " + dtype_name(dtype()) + " comes in blocks of " +
                                        std::to_string(block_.elements) + " elements.");
}

void WeightSource::check_scale_size() const {
  const DType type = scales_.entry->dtype;
  const int64_t have =
      static_cast<int64_t>(scales_.entry->bytes()) / std::max<int64_t>(1, dtype_bytes(type));
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) {
    throw Error("unsupported_format", "Expected scales as f32, f16 or bf16 in \"" +
                                          ref_.scales.tensor + "\", but the file holds " +
                                          dtype_name(type) + ".");
  }
  if (have == num_scales()) return;
  throw Error("invalid_file", "Expected " + std::to_string(num_scales()) + " scales in \"" +
                                  ref_.scales.tensor + "\", but it has " + std::to_string(have) +
                                  ".");
}

int64_t WeightSource::scale_cols() const {
  return (ref_.cols + ref_.scales.block_cols - 1) / ref_.scales.block_cols;
}

int64_t WeightSource::num_scales() const {
  return (ref_.rows + ref_.scales.block_rows - 1) / ref_.scales.block_rows * scale_cols();
}

float WeightSource::scale(int64_t index) const {
  float y;
  const DType type = scales_.entry->dtype;
  quant::dequantise_row(&y, scales_.data() + index * dtype_bytes(type), 1, type);
  return y;
}

void WeightSource::check_scales() const {
  if (!ref_.scales) return;
  const DType type = scales_.entry->dtype;
  constexpr int64_t kPiece = 1024;
  float piece[kPiece];
  for (int64_t first = 0; first < num_scales(); first += kPiece) {
    const int64_t count = std::min(kPiece, num_scales() - first);
    quant::dequantise_row(piece, scales_.data() + first * dtype_bytes(type), count, type);
    const float* bad =
        std::find_if_not(piece, piece + count, [](float s) { return s > 0 && std::isfinite(s); });
    if (bad == piece + count) continue;
    throw Error("invalid_file", "Expected scales above zero in \"" + ref_.scales.tensor +
                                    "\", but scale " + std::to_string(first + (bad - piece)) +
                                    " is " + std::to_string(*bad) + ".");
  }
}

bool WeightSource::is_int8_by_group() const {
  const int64_t cols = ref_.scales.block_cols;
  return dtype() == DType::i8 && ref_.scales.block_rows == 1 &&
         (cols % cpu::kGroupCols == 0 || cols == ref_.cols);
}

void WeightSource::scale_row(float* y, int64_t row) const {
  const int64_t first = row / ref_.scales.block_rows * scale_cols();
  for (int64_t j = 0; j < scale_cols(); j++) {
    const float s = scale(first + j);
    const int64_t end = std::min(ref_.cols, (j + 1) * ref_.scales.block_cols);
    for (int64_t c = j * ref_.scales.block_cols; c < end; c++) y[c] *= s;
  }
}

int64_t WeightSource::first_element(int64_t row) const {
  const bool moved = ref_.is_matrix && ref_.interleaved_head_dim > 0;
  return ref_.offset +
         (moved ? interleaved(row, ref_.interleaved_head_dim) : row) * ref_.row_stride;
}

const std::byte* WeightSource::at(int64_t element) const {
  return data_ + element / block_.elements * block_.bytes;
}

float WeightSource::element(int64_t index) const {
  float y;
  quant::dequantise_row(&y, at(index), 1, dtype());
  return y;
}

void WeightSource::read_row(float* y, int64_t row) const {
  const int64_t first = first_element(row);
  const bool moved = !ref_.is_matrix && ref_.interleaved_head_dim > 0;
  if (ref_.col_stride == 1 && !moved) {
    quant::dequantise_row(y, at(first), ref_.cols, dtype());
    if (ref_.scales) scale_row(y, row);
    return;
  }
  for (int64_t c = 0; c < ref_.cols; c++) {
    const int64_t col = moved ? interleaved(c, ref_.interleaved_head_dim) : c;
    y[c] = element(first + col * ref_.col_stride);
  }
}

const std::byte* WeightSource::q8_0_row(int64_t row) const {
  const bool blocks = dtype() == DType::q8_0 && ref_.col_stride == 1 && ref_.is_matrix;
  return blocks ? at(first_element(row)) : nullptr;
}

bool WeightSource::read_q8_0_row(int8_t* q, float* scales, int64_t row) const {
  const std::byte* block = q8_0_row(row);
  if (block == nullptr) return false;
  for (int64_t c = 0; c < ref_.cols; c += block_.elements, block += block_.bytes) {
    const float scale = quant::load_f16(block);
    if (!(scale > 0) || !std::isfinite(scale)) return false;
    scales[c / block_.elements] = scale;
    std::memcpy(q + c, block + 2, static_cast<size_t>(block_.elements));
  }
  return true;
}

const std::byte* WeightSource::stored_row(int64_t row) const {
  const bool moved = !ref_.is_matrix && ref_.interleaved_head_dim > 0;
  return block_.elements == 1 && ref_.col_stride == 1 && !moved ? at(first_element(row)) : nullptr;
}

const std::byte* WeightSource::in_place() const {
  if (block_.elements != 1 || !ref_.dense() || ref_.interleaved_head_dim > 0) return nullptr;
  // An unaligned view would fault on some processors and is slow on the rest.
  const std::byte* first = at(ref_.offset);
  return reinterpret_cast<uintptr_t>(first) % static_cast<size_t>(block_.bytes) == 0 ? first
                                                                                     : nullptr;
}

void WeightSource::release(int64_t begin, int64_t end) const {
  if (!ref_.dense()) return;  // its neighbours in the tensor may still be read
  const auto offset = [&](int64_t row) {
    return tensor_.entry->begin + static_cast<uint64_t>(at(ref_.offset + row * ref_.cols) - data_);
  };
  tensor_.file->file().advise_dontneed(offset(begin), offset(end));
}

}  // namespace conclave::executor

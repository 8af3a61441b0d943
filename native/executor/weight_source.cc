#include "executor/weight_source.h"

#include "quant/dequantise.h"

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
  if (!quant::can_dequantise(dtype())) {
    throw Error("unsupported_format", "Expected weights in \"" + ref.tensor +
                                          "\", but the file holds " + dtype_name(dtype()) + ".");
  }
  check_size();
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
  if (ref_.col_stride == 1 && !moved)
    return quant::dequantise_row(y, at(first), ref_.cols, dtype());
  for (int64_t c = 0; c < ref_.cols; c++) {
    const int64_t col = moved ? interleaved(c, ref_.interleaved_head_dim) : c;
    y[c] = element(first + col * ref_.col_stride);
  }
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

void WeightSource::release() const {
  if (!ref_.dense()) return;  // its neighbours in the tensor may still be read
  const uint64_t begin = tensor_.entry->begin + static_cast<uint64_t>(at(ref_.offset) - data_);
  const uint64_t bytes = static_cast<uint64_t>(at(ref_.rows * ref_.cols) - data_);
  tensor_.file->file().advise_dontneed(begin, begin + bytes);
}

}  // namespace conclave::executor

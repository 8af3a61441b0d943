#pragma once
// Where a parser is in a text of code points.
#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/char_set.h"

namespace conclave::grammar {

class TextCursor {
 protected:
  // What is no UTF-8 throws grammar_error naming `what`.
  TextCursor(std::string_view text, const char* what) : text_(code_points(text, what)) {}

  bool done() const { return at_ >= text_.size(); }

  // 0 behind the end.
  uint32_t peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0;
  }

  bool take(uint32_t c) {
    if (done() || text_[at_] != c) return false;
    at_++;
    return true;
  }

  std::vector<uint32_t> text_;
  size_t at_ = 0;
};

}  // namespace conclave::grammar

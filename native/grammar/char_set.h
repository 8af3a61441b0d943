#pragma once
// Sets of Unicode code points, and the UTF-8 byte sequences that spell them.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conclave::grammar {

inline constexpr uint32_t kMaxCodePoint = 0x10ffff;

struct CodeRange {
  uint32_t low, high;  // inclusive
  bool operator==(const CodeRange&) const = default;
};

// Sorted, disjoint, not adjacent; surrogates are never in it, since no UTF-8 spells them.
class CharSet {
 public:
  CharSet() = default;
  static CharSet all() { return CharSet().add(0, kMaxCodePoint); }
  static CharSet of(uint32_t c) { return CharSet().add(c, c); }

  CharSet& add(uint32_t low, uint32_t high);
  CharSet& add(const CharSet& other);
  CharSet inverted() const;
  CharSet without(const CharSet& other) const;
  CharSet common(const CharSet& other) const;
  bool contains(uint32_t c) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<CodeRange>& ranges() const { return ranges_; }
  bool operator==(const CharSet&) const = default;

 private:
  std::vector<CodeRange> ranges_;
};

struct ByteRange {
  uint8_t low, high;
};

struct ByteSequence {
  std::array<ByteRange, 4> bytes{};
  int length = 0;
};

// Each code point of the set is spelled by exactly one of the sequences.
std::vector<ByteSequence> utf8_sequences(const CharSet& set);

void append_utf8(std::string& text, uint32_t c);

// Code points of a text; what is no UTF-8 throws grammar_error naming `what`.
std::vector<uint32_t> code_points(std::string_view text, const char* what);

}  // namespace conclave::grammar

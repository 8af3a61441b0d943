#include "grammar/char_set.h"

#include <algorithm>

#include "core/error.h"

namespace conclave::grammar {
namespace {

constexpr uint32_t kLowSurrogate = 0xd800, kHighSurrogate = 0xdfff;

std::vector<CodeRange> normal(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> cut;
  for (const CodeRange r : ranges) {
    if (r.low > r.high) continue;
    if (r.low < kLowSurrogate) cut.push_back({r.low, std::min(r.high, kLowSurrogate - 1)});
    if (r.high > kHighSurrogate) cut.push_back({std::max(r.low, kHighSurrogate + 1), r.high});
  }
  std::sort(cut.begin(), cut.end(), [](CodeRange a, CodeRange b) { return a.low < b.low; });
  std::vector<CodeRange> merged;
  for (const CodeRange r : cut) {
    if (!merged.empty() && r.low <= merged.back().high + 1)
      merged.back().high = std::max(merged.back().high, r.high);
    else merged.push_back(r);
  }
  return merged;
}

// `low` and `high` are spelled by as many bytes, and differ in ever fewer of the first ones.
void split(std::vector<ByteSequence>& out, const std::string& low, const std::string& high,
           size_t at, ByteSequence begun) {
  const auto byte = [](const std::string& s, size_t i) { return static_cast<uint8_t>(s[i]); };
  begun.length = static_cast<int>(low.size());
  while (at < low.size() && byte(low, at) == byte(high, at)) {
    begun.bytes[at] = {byte(low, at), byte(low, at)};
    at++;
  }
  if (at == low.size()) return out.push_back(begun);
  const bool from_first = std::all_of(low.begin() + static_cast<int64_t>(at) + 1, low.end(),
                                      [](char c) { return static_cast<uint8_t>(c) == 0x80; });
  const bool to_last = std::all_of(high.begin() + static_cast<int64_t>(at) + 1, high.end(),
                                   [](char c) { return static_cast<uint8_t>(c) == 0xbf; });
  uint8_t first = byte(low, at), last = byte(high, at);
  if (!from_first) {
    std::string end = low;
    std::fill(end.begin() + static_cast<int64_t>(at) + 1, end.end(), '\xbf');
    split(out, low, end, at, begun);
    first++;
  }
  if (!to_last) last--;
  if (first <= last) {
    ByteSequence middle = begun;
    middle.bytes[at] = {first, last};
    for (size_t i = at + 1; i < low.size(); i++) middle.bytes[i] = {0x80, 0xbf};
    out.push_back(middle);
  }
  if (!to_last) {
    std::string begin = high;
    std::fill(begin.begin() + static_cast<int64_t>(at) + 1, begin.end(), '\x80');
    split(out, begin, high, at, begun);
  }
}

}  // namespace

CharSet& CharSet::add(uint32_t low, uint32_t high) {
  ranges_.push_back({low, std::min(high, kMaxCodePoint)});
  ranges_ = normal(std::move(ranges_));
  return *this;
}

CharSet& CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  ranges_ = normal(std::move(ranges_));
  return *this;
}

CharSet CharSet::inverted() const {
  CharSet result;
  uint32_t next = 0;
  for (const CodeRange r : ranges_) {
    if (r.low > next) result.ranges_.push_back({next, r.low - 1});
    next = r.high + 1;
  }
  if (next <= kMaxCodePoint) result.ranges_.push_back({next, kMaxCodePoint});
  result.ranges_ = normal(std::move(result.ranges_));
  return result;
}

CharSet CharSet::common(const CharSet& other) const {
  CharSet result;
  for (size_t i = 0, j = 0; i < ranges_.size() && j < other.ranges_.size();) {
    const CodeRange a = ranges_[i], b = other.ranges_[j];
    const uint32_t low = std::max(a.low, b.low), high = std::min(a.high, b.high);
    if (low <= high) result.ranges_.push_back({low, high});
    if (a.high < b.high) i++;
    else j++;
  }
  return result;
}

CharSet CharSet::without(const CharSet& other) const { return common(other.inverted()); }

bool CharSet::contains(uint32_t c) const {
  const auto at = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                   [](uint32_t value, CodeRange r) { return value < r.low; });
  return at != ranges_.begin() && c <= std::prev(at)->high;
}

void append_utf8(std::string& text, uint32_t c) {
  const auto put = [&text](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) put(0xc0 | c >> 6);
  else if (c < 0x10000) put(0xe0 | c >> 12);
  else put(0xf0 | c >> 18);
  if (c >= 0x10000) put(0x80 | (c >> 12 & 0x3f));
  if (c >= 0x800) put(0x80 | (c >> 6 & 0x3f));
  put(0x80 | (c & 0x3f));
}

std::vector<ByteSequence> utf8_sequences(const CharSet& set) {
  std::vector<ByteSequence> sequences;
  constexpr uint32_t kLast[] = {0x7f, 0x7ff, 0xffff, kMaxCodePoint};
  for (const CodeRange range : set.ranges()) {
    uint32_t low = range.low;
    for (const uint32_t last : kLast) {
      if (low > last || low > range.high) continue;
      std::string from, to;
      append_utf8(from, low);
      append_utf8(to, std::min(last, range.high));
      split(sequences, from, to, 0, {});
      low = last + 1;
    }
  }
  return sequences;
}

std::vector<uint32_t> code_points(std::string_view text, const char* what) {
  std::vector<uint32_t> points;
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = length == 1 ? lead : lead & (0x7fu >> length);
    bool good = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4);
    for (size_t j = 1; j < length && good; j++) {
      good = i + j < text.size() && (static_cast<uint8_t>(text[i + j]) & 0xc0) == 0x80;
      if (good) c = c << 6 | (static_cast<uint8_t>(text[i + j]) & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!good || c < kLeast[length] || c > kMaxCodePoint || (c >= 0xd800 && c <= 0xdfff))
      throw Error("grammar_error", std::string("Expected ") + what + " in UTF-8, but byte " +
                                       std::to_string(i) + " is none.");
    points.push_back(c);
    i += length;
  }
  return points;
}

}  // namespace conclave::grammar

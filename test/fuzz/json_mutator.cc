#include "json_mutator.h"

#include <random>
#include <vector>

namespace conclave::test {
namespace {

struct Span {
  size_t begin, end;
};

struct Tokens {
  std::vector<Span> numbers, strings, elements;  // elements: balanced {…} and […]
};

bool in_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 'e'; }

Tokens tokens_of(const std::string& text) {
  Tokens tokens;
  std::vector<size_t> open;
  for (size_t i = 0; i < text.size(); i++) {
    const size_t begin = i;
    if (text[i] == '"') {
      while (++i < text.size() && text[i] != '"') i += text[i] == '\\' ? 1 : 0;
      if (i < text.size()) tokens.strings.push_back({begin, i + 1});
    } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
      while (i + 1 < text.size() && in_number(text[i + 1])) i++;
      tokens.numbers.push_back({begin, i + 1});
    } else if (text[i] == '{' || text[i] == '[') {
      open.push_back(i);
    } else if ((text[i] == '}' || text[i] == ']') && !open.empty()) {
      tokens.elements.push_back({open.back(), i + 1});
      open.pop_back();
    }
  }
  return tokens;
}

class Mutation {
 public:
  Mutation(const std::string& text, unsigned seed) : text_(text), random_(seed) {}

  std::string once() {
    const Tokens tokens = tokens_of(text_);
    switch (random_() % 6) {
      case 0:
      case 1: return put(tokens.numbers, number(tokens.numbers));
      case 2: return put(tokens.numbers, any(tokens.numbers));
      case 3: return put(tokens.strings, any(tokens.strings));
      case 4: return put(tokens.elements, any(tokens.elements));
      default: return twice_or_not(tokens.elements);
    }
  }

 private:
  std::string cut(Span s) const { return text_.substr(s.begin, s.end - s.begin); }
  Span pick(const std::vector<Span>& spans) { return spans[random_() % spans.size()]; }
  std::string any(const std::vector<Span>& spans) { return spans.empty() ? "" : cut(pick(spans)); }

  std::string put(const std::vector<Span>& spans, const std::string& with) {
    if (spans.empty()) return text_;
    const Span at = pick(spans);
    return text_.substr(0, at.begin) + with + text_.substr(at.end);
  }

  std::string number(const std::vector<Span>& numbers) {
    static constexpr const char* kEdges[] = {"0",
                                             "1",
                                             "-1",
                                             "2",
                                             "3",
                                             "4",
                                             "7",
                                             "8",
                                             "16",
                                             "17",
                                             "32",
                                             "64",
                                             "65",
                                             "127",
                                             "128",
                                             "512",
                                             "513",
                                             "65535",
                                             "65536",
                                             "65537",
                                             "1048576",
                                             "67108864",
                                             "67108865",
                                             "2147483647",
                                             "2147483648",
                                             "-0",
                                             "4294967295",
                                             "4294967296",
                                             "1e308",
                                             "1e999",
                                             "0.5",
                                             "1e-320",
                                             "4503599627370496",
                                             "1099511627776",
                                             "9007199254740993",
                                             "9223372036854775807",
                                             "9223372036854775808",
                                             "18446744073709551615",
                                             "-9223372036854775808",
                                             "18446744073709551616"};
    if (numbers.empty() || random_() % 2 == 0) return kEdges[random_() % std::size(kEdges)];
    const std::string old = cut(pick(numbers));
    if (old.size() > 15 || old.find_first_of(".e") != std::string::npos) return old;
    return std::to_string(std::atoll(old.c_str()) + static_cast<int>(random_() % 5) - 2);
  }

  // An element once more behind itself, or gone.
  std::string twice_or_not(const std::vector<Span>& elements) {
    if (elements.empty()) return text_;
    const Span at = pick(elements);
    if (random_() % 2 == 0) return text_.substr(0, at.end) + "," + cut(at) + text_.substr(at.end);
    const bool comma = at.end < text_.size() && text_[at.end] == ',';
    return text_.substr(0, at.begin) + text_.substr(at.end + (comma ? 1 : 0));
  }

  const std::string& text_;
  std::minstd_rand random_;
};

}  // namespace

std::string mutate_json(const std::string& text, size_t max_size, unsigned seed) {
  std::string mutated = text;
  std::minstd_rand random(seed);
  if (random() % 4 == 0) {
    mutated.resize(max_size);
    mutated.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(mutated.data()),
                                    text.size() < max_size ? text.size() : max_size, max_size));
    return mutated;
  }
  for (unsigned n = 1 + random() % 4; n > 0; n--) {
    const std::string next = Mutation(mutated, static_cast<unsigned>(random())).once();
    if (next.size() <= max_size) mutated = next;
  }
  return mutated.size() <= max_size ? mutated : mutated.substr(0, max_size);
}

}  // namespace conclave::test
